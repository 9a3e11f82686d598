import Table from "cli-table3";
import pico from "picocolors";
import type { CliIo } from "./io.js";

/** One column of a table for people: its head and what stands in it. */
export interface Column<T> {
  readonly head: string;
  readonly cell: (row: T) => string | number | null | undefined;
  readonly align?: "left" | "right";
}

/** Writes data as people or programs want it: `--json` prints the same facts. */
export interface Output {
  readonly json: boolean;
  readonly paint: ReturnType<typeof pico.createColors>;
  /** Data as it came from the gateway, or as a table. */
  rows<T>(rows: readonly T[], columns: readonly Column<T>[], nothing: string): void;
  /** One thing as label and value; empty values are left out. */
  facts(value: unknown, facts: readonly (readonly [label: string, value: string | number | null | undefined])[]): void;
  /** A line for people on standard error; programs do not get it. */
  say(text: string): void;
  /** What to do next. */
  next(text: string): void;
  /** A line that is written over by the following one, where a person watches. */
  progress(text: string): void;
  /** Ends the progress line, keeping `text` as its last state. */
  settle(text: string): void;
  when(instant: string | number | null | undefined): string;
  day(instant: string | number | null | undefined): string;
}

const plain = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
};

export function createOutput(io: CliIo, json: boolean): Output {
  const paint = pico.createColors(io.colors);
  let shown = "";

  const overwrite = (text: string) => {
    io.say(`\r\u001b[2K${text}`);
  };
  const time = (instant: string | number | null | undefined, style: Intl.DateTimeFormatOptions) => {
    if (instant === null || instant === undefined) return "";
    // The Swedish form is ISO 8601 without the T: sortable and read everywhere.
    return new Intl.DateTimeFormat("sv-SE", { ...style, timeZone: io.timeZone }).format(new Date(instant));
  };

  return {
    json,
    paint,
    rows(rows, columns, nothing) {
      if (json) {
        io.write(`${JSON.stringify(rows, null, 2)}\n`);
        return;
      }
      if (rows.length === 0) {
        io.say(`${nothing}\n`);
        return;
      }
      const table = new Table({
        head: columns.map(({ head }) => paint.bold(head)),
        chars: plain,
        style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
        colAligns: columns.map(({ align }) => align ?? "left"),
      });
      for (const row of rows) table.push(columns.map(({ cell }) => printable(String(cell(row) ?? ""))));
      io.write(`${trimLines(table.toString())}\n`);
    },
    facts(value, facts) {
      if (json) {
        io.write(`${JSON.stringify(value, null, 2)}\n`);
        return;
      }
      const full = facts.filter(([, fact]) => fact !== null && fact !== undefined && fact !== "");
      const width = Math.max(...full.map(([label]) => label.length));
      for (const [label, fact] of full) {
        const [first = "", ...more] = String(fact).split("\n").map(printable);
        io.write(`${paint.dim(label.padEnd(width))}  ${first}\n`);
        for (const line of more) io.write(`${" ".repeat(width)}  ${line}\n`);
      }
    },
    say(text) {
      io.say(`${text}\n`);
    },
    next(text) {
      if (!json) io.say(`${paint.dim("next:")} ${text}\n`);
    },
    progress(text) {
      if (text === shown) return;
      if (io.interactive) overwrite(text);
      else if (shown === "" || stateOf(text) !== stateOf(shown)) io.say(`${text}\n`);
      shown = text;
    },
    settle(text) {
      if (io.interactive && shown !== "") overwrite(`${text}\n`);
      else if (text !== shown) io.say(`${text}\n`);
      shown = "";
    },
    when: (instant) => time(instant, { dateStyle: "short", timeStyle: "short" }),
    day: (instant) => time(instant, { dateStyle: "short" }),
  };
}

/** The part of a progress line that is not a countdown: without a terminal only its changes are worth a line. */
function stateOf(text: string): string {
  return text.replace(/\d+ s left/, "");
}

/**
 * Names and reasons come from other people: control characters in them must not move the cursor or recolour the screen.
 */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001a\u001c-\u001f\u007f-\u009f]|\u001b(?!\[\d{1,2}m)/g, "\ufffd");
}

function trimLines(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "")
    .join("\n");
}
