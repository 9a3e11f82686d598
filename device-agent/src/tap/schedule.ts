import type { Instant, MachinePolicy } from "@badgekey/shared";

type Schedule = MachinePolicy["schedule"];

const WEEKDAYS: readonly string[] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const formats = new Map<string, Intl.DateTimeFormat>();

/**
 * True within any window of the schedule, in the site's time zone; an empty schedule is always open. A window whose end
 * is not after its beginning goes on past midnight and belongs to the day on which it began.
 */
export function isWithinSchedule(schedule: Schedule, at: Instant, timeZone: string): boolean {
  if (schedule.length === 0) return true;
  const clock = wallClock(at, timeZone);
  // A zone that this machine's tables do not know: nobody can say that the hours are right.
  if (!clock) return false;
  const { weekday, minute } = clock;
  const yesterday = weekday === 1 ? 7 : weekday - 1;
  return schedule.some(({ days, from, to }) => {
    const [begins, ends] = [minutesOf(from), minutesOf(to)];
    if (begins < ends) return days.includes(weekday) && minute >= begins && minute < ends;
    return (days.includes(weekday) && minute >= begins) || (days.includes(yesterday) && minute < ends);
  });
}

function wallClock(at: Instant, timeZone: string): { readonly weekday: number; readonly minute: number } | undefined {
  const format = formatIn(timeZone);
  if (!format) return undefined;
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
  return {
    weekday: WEEKDAYS.indexOf(parts.get("weekday") ?? "") + 1,
    minute: Number(parts.get("hour")) * 60 + Number(parts.get("minute")),
  };
}

/** Making one takes milliseconds: too long for every tap. */
function formatIn(timeZone: string): Intl.DateTimeFormat | undefined {
  const known = formats.get(timeZone);
  if (known) return known;
  try {
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone,
      weekday: "short",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    });
    formats.set(timeZone, format);
    return format;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function minutesOf(time: string): number {
  const [hours, minutes] = time.split(":");
  return Number(hours) * 60 + Number(minutes);
}
