import { readFile } from "node:fs/promises";

const RTC = "/sys/class/rtc/rtc0/since_epoch";

/**
 * What this computer's battery clock says, ms since the epoch; undefined where it has none. Taken from the clock
 * itself: the system's time may be what was saved at the last shutdown (SAFETY R17).
 */
export async function readBatteryClock(path = RTC): Promise<number | undefined> {
  // Absent on a Raspberry Pi up to the 4; one that cannot be read is as good as none.
  const text = await readFile(path, "utf8").catch(() => "");
  const seconds = /^\d{1,12}\n?$/.test(text) ? Number(text) : 0;
  return seconds > 0 ? seconds * 1_000 : undefined;
}
