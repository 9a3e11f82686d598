import type { CliIo } from "../cli/io.js";

/** A terminal that remembers: what was written where, answers prepared, time that passes by `sleep` alone. */
export interface FakeIo extends CliIo {
  readonly written: { data: string; people: string };
}

export interface FakeIoOptions extends Partial<Pick<CliIo, "env" | "cwd" | "home" | "interactive">> {
  readonly answers?: readonly string[];
  readonly stdin?: Uint8Array;
  readonly nowMs?: number;
  /** Called with every sleep: the world goes on meanwhile. */
  onSleep?(): void;
}

export function fakeIo(options: FakeIoOptions = {}): FakeIo {
  const written = { data: "", people: "" };
  const answers = [...(options.answers ?? [])];
  let now = options.nowMs ?? Date.UTC(2026, 10, 3, 12);
  return {
    written,
    env: options.env ?? {},
    cwd: options.cwd ?? "/nowhere",
    home: options.home ?? "/nowhere",
    timeZone: "UTC",
    interactive: options.interactive ?? false,
    colors: false,
    write: (text) => void (written.data += text),
    say: (text) => void (written.people += text),
    ask: () => Promise.resolve(answers.shift()),
    readStdin: () => Promise.resolve(options.stdin ?? new Uint8Array()),
    now: () => now,
    sleep(ms) {
      now += ms;
      options.onSleep?.();
      return Promise.resolve();
    },
  };
}
