import type { Readable } from "node:stream";

/** What a command may use of the process around it; main.ts joins it with the real one. */
export interface CommandIo {
  /** Of this program. */
  readonly version: string;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** Data for programs. */
  readonly out: (text: string) => void;
  /** Words for people. */
  readonly err: (text: string) => void;
  /** The computer's own clock, ms since the epoch: an agent believes it for nothing that matters. */
  readonly wallClock: () => number;
  /** Monotonic ms. */
  readonly monotonic: () => number;
}

/** Prints an error as all commands do: what is wrong, then what to do. */
export function printError(io: Pick<CommandIo, "err">, message: string, hint?: string): void {
  io.err(`badgekey-agent: error: ${message}\n`);
  if (hint !== undefined) io.err(`badgekey-agent: hint: ${hint}\n`);
}

/** The first line that comes in, without its end; undefined where nothing came. At most `mostChars` are read. */
export async function readLine(input: Readable, mostChars: number): Promise<string | undefined> {
  let text = "";
  for await (const chunk of input as AsyncIterable<Buffer | string>) {
    text += typeof chunk === "string" ? chunk : chunk.toString("utf8");
    const end = text.search(/[\r\n]/);
    // White space pasted before the line is not the line.
    if (end >= 0 && text.slice(0, end).trim() !== "") return text.slice(0, end);
    if (end >= 0) text = text.trimStart();
    if (text.length > mostChars) break;
  }
  return text.trim() === "" ? undefined : text.slice(0, mostChars);
}
