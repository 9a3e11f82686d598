import type { Events } from "./events.js";

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly text: string;
}

/** A log that writes nowhere; with `lines` it keeps what it was told, details as JSON behind the text. */
export function silentLog(lines?: Events<LogLine>) {
  const write =
    (level: LogLine["level"]) =>
    (details: unknown, text = ""): void => {
      lines?.add({ level, text: `${text} ${typeof details === "string" ? details : JSON.stringify(details)}` });
    };
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}
