import { InvalidArgumentError } from "commander";
import type { Level } from "@badgekey/shared";
import { readLevel } from "../words.js";

/** A training as an option names it: "laser", "laser:trainer", "3:2", "laser:user@2027-01-31". */
export interface GrantOption {
  readonly training: string | number;
  readonly level: Level;
  readonly endsAt?: string;
}

/** Collects repeated --grant options. Throws InvalidArgumentError (wrong usage) for what cannot be read. */
export function collectGrant(text: string, before: readonly GrantOption[] = []): readonly GrantOption[] {
  return [...before, readGrant(text)];
}

function readGrant(text: string): GrantOption {
  const [what = "", end, ...more] = text.split("@");
  const [training = "", levelText = "user", ...rest] = what.split(":");
  const level = readLevel(levelText);
  if (training === "" || more.length > 0 || rest.length > 0 || !level) {
    throw new InvalidArgumentError("write training, training:level or training:level@end, e.g. laser:user@2027-01-31");
  }
  return {
    training: /^\d+$/.test(training) ? Number(training) : training,
    level,
    ...(end !== undefined && { endsAt: readEnd(end) }),
  };
}

/** An ISO 8601 date or date-time as the API wants it; a date alone is its end, in UTC. Throws InvalidArgumentError. */
export function readEnd(text: string): string {
  return readInstant(text, "T23:59:59Z");
}

/** As `readEnd`, but a date alone is its beginning. */
export function readStart(text: string): string {
  return readInstant(text, "T00:00:00Z");
}

function readInstant(text: string, timeOfDay: string): string {
  const dateOnly = /^\d{4}-\d{2}-\d{2}$/.test(text);
  if (!dateOnly && !/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(text)) {
    throw new InvalidArgumentError("write it as 2027-01-31 or 2027-01-31T12:00:00Z");
  }
  const at = Date.parse(dateOnly ? text + timeOfDay : text);
  if (Number.isNaN(at)) throw new InvalidArgumentError("there is no such day");
  return new Date(at).toISOString();
}

export function readNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("write a whole number");
  return Number(text);
}
