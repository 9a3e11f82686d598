import type { Instant } from "@badgekey/shared";

type Form = "time" | "date";

const options: Readonly<Record<Form, Intl.DateTimeFormatOptions>> = {
  time: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  date: { day: "numeric", month: "short", year: "numeric" },
};
const formats = new Map<string, Intl.DateTimeFormat>();

/** "15:40" in a time zone. */
export function timeIn(timeZone: string, at: Instant): string {
  return formatIn(timeZone, "time").format(at);
}

/** "2 Jan 2026" in a time zone. */
export function dateIn(timeZone: string, at: Instant): string {
  return formatIn(timeZone, "date").format(at);
}

/** "1 h 05 min", "12 min", "less than a minute". */
export function lengthOf(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return "less than a minute";
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${minutes} min` : `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** Making one takes milliseconds, and the screen is looked at several times a second. */
function formatIn(timeZone: string, form: Form): Intl.DateTimeFormat {
  const name = `${form} ${timeZone}`;
  let format = formats.get(name);
  if (!format) {
    format = makeFormat(timeZone, form);
    formats.set(name, format);
  }
  return format;
}

function makeFormat(timeZone: string, form: Form): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat("en-GB", { ...options[form], timeZone });
  } catch (error) {
    // A zone that this program's tables do not know: better UTC than no screen.
    if (error instanceof RangeError) return new Intl.DateTimeFormat("en-GB", { ...options[form], timeZone: "UTC" });
    throw error;
  }
}
