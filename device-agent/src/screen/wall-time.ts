import type { Instant } from "@badgekey/shared";
import { type Messages, say } from "./messages/messages.js";

type Form = "time" | "date";

const options: Readonly<Record<Form, Intl.DateTimeFormatOptions>> = {
  time: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  date: { day: "numeric", month: "short", year: "numeric" },
};
const formats = new Map<string, Intl.DateTimeFormat>();

/** Where and in which language an instant is told. */
export interface Place {
  /** IANA name; an unknown one counts as UTC. */
  readonly timeZone: string;
  readonly messages: Messages;
}

/** "15:40" in a time zone. */
export function timeIn(place: Place, at: Instant): string {
  return formatIn(place, "time").format(at);
}

/** "2 Jan 2026" in a time zone. */
export function dateIn(place: Place, at: Instant): string {
  return formatIn(place, "date").format(at);
}

/** "15:40", with the day before it where that is not today's. */
export function whenIn(place: Place, at: Instant, now: Instant): string {
  const day = dateIn(place, at);
  return day === dateIn(place, now) ? timeIn(place, at) : `${day}, ${timeIn(place, at)}`;
}

/** "2 d 03 h", "1 h 05 min", "12 min", "less than a minute". */
export function lengthOf(messages: Messages, ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return say(messages, "length.short");
  const hours = Math.floor(minutes / 60);
  if (hours === 0) return say(messages, "length.minutes", { minutes: String(minutes) });
  if (hours < 48) return say(messages, "length.hours", { hours: String(hours), minutes: twoDigits(minutes % 60) });
  return say(messages, "length.days", { days: String(Math.floor(hours / 24)), hours: twoDigits(hours % 24) });
}

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}

/** Making one takes milliseconds, and the screen is looked at several times a second. */
function formatIn({ timeZone, messages: { locale } }: Place, form: Form): Intl.DateTimeFormat {
  const name = `${form} ${locale} ${timeZone}`;
  let format = formats.get(name);
  if (!format) {
    format = makeFormat(locale, timeZone, form);
    formats.set(name, format);
  }
  return format;
}

function makeFormat(locale: string, timeZone: string, form: Form): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat(locale, { ...options[form], timeZone });
  } catch (error) {
    // A zone that this program's tables do not know: better UTC than no screen.
    if (error instanceof RangeError) return new Intl.DateTimeFormat(locale, { ...options[form], timeZone: "UTC" });
    throw error;
  }
}
