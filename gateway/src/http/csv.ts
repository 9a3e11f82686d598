import type { LogEntry } from "../usage/log.js";

const columns = [
  "at",
  "receivedAt",
  "clock",
  "agent",
  "machine",
  "boot",
  "sequence",
  "kind",
  "personName",
  "holder",
  "session",
  "code",
  "reason",
  "durationMs",
  "decisionUs",
  "assurance",
  "by",
] as const satisfies readonly (keyof LogEntry)[];

/** The head line of the exported log. */
export const csvHead = `${columns.join(",")},grants\r\n`;

/** One row of RFC 4180. */
export function csvRow(entry: LogEntry): string {
  const grants = entry.grants?.map(({ training, level }) => `${training}:${level}`).join(" ") ?? "";
  return `${[...columns.map((column) => entry[column]), grants].map(csvCell).join(",")}\r\n`;
}

/**
 * A text that a spreadsheet would take for a formula gets an apostrophe in front: names and reasons come from people.
 */
export function csvCell(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
