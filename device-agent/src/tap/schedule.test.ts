import { DAY_MS } from "@badgekey/shared";
import { expect, test } from "vitest";
import { isWithinSchedule } from "./schedule.js";

const day = { days: [1, 2, 3, 4, 5], from: "08:00", to: "20:00" };
const night = { days: [5], from: "22:00", to: "02:00" };
/** 2026-01-02 is a Friday. */
const friday = (time: string) => Date.parse(`2026-01-02T${time}:00Z`);
const saturday = (time: string) => Date.parse(`2026-01-03T${time}:00Z`);

test.each([
  ["no schedule", [], friday("03:00"), "UTC", true],
  ["from its first minute", [day], friday("08:00"), "UTC", true],
  ["not a minute earlier", [day], friday("07:59"), "UTC", false],
  ["not in its last minute's end", [day], friday("20:00"), "UTC", false],
  ["not on other days", [day], saturday("12:00"), "UTC", false],
  ["in the site's zone", [day], friday("12:30"), "America/New_York", false],
  ["in the site's zone, later", [day], friday("13:00"), "America/New_York", true],
  ["at night from its first minute", [night], friday("22:00"), "UTC", true],
  ["at night not a minute earlier", [night], friday("21:59"), "UTC", false],
  ["at night not on another evening", [night], saturday("23:00"), "UTC", false],
  ["from Sunday into Monday", [{ ...night, days: [7] }], saturday("00:30") + 2 * DAY_MS, "UTC", true],
  ["any of several windows", [night, { ...day, days: [6] }], saturday("12:00"), "UTC", true],
  ["to the minute within the hour", [{ days: [5], from: "08:30", to: "09:30" }], friday("08:29"), "UTC", false],
  ["to the minute of its end", [{ days: [5], from: "08:30", to: "09:30" }], friday("09:29"), "UTC", true],
  ["past midnight", [night], saturday("01:59"), "UTC", true],
  ["past midnight, over", [night], saturday("02:00"), "UTC", false],
  ["until the day's end", [{ days: [5], from: "20:00", to: "24:00" }], friday("23:59"), "UTC", true],
  ["a zone nobody knows", [day], friday("12:00"), "Mars/Olympus", false],
])("%s", (_title, schedule, at, zone, open) => {
  expect(isWithinSchedule(schedule, at, zone)).toBe(open);
});
