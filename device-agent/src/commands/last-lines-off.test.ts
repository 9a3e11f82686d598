import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { rememberLines } from "../hardware/remembered-lines.js";
import { lastLinesOff } from "./last-lines-off.js";

const RELAY = { pin: 17, activeLow: false };

let folder: string;
let said: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "badgekey-last-"));
  said = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Pin 17 of a chip in sysfs as two killed processes left it. */
function leaveRelay(): string {
  const direction = join(folder, "gpio529", "direction");
  mkdirSync(join(folder, "gpio529"));
  writeFileSync(direction, "out\n");
  return direction;
}
const lastOff = (...folders: readonly string[]) =>
  lastLinesOff([...folders, folder], (line) => said.push(line), { sysfs: folder, dev: join(folder, "none") });

test("R2: what the agent used last is let go of without its configuration", async () => {
  const direction = leaveRelay();
  const driver = { name: "sysfs", base: 512 } as const;
  await rememberLines([folder], { driver, outputs: { relay: RELAY }, lamps: {}, inputs: {} });
  expect(lastOff()).toBe(true);
  expect(said).toEqual(["relay GPIO 17: inactive (sysfs)"]);
  expect(readFileSync(direction, "utf8")).toBe("low");
});

test("with nothing kept, damage, or a pin that cannot be reached, the whole command has to try", async () => {
  expect(lastOff()).toBe(false);
  writeFileSync(join(folder, "lines.json"), "{");
  expect(lastOff()).toBe(false);
  expect(said.join()).toContain("says of the wiring cannot be used");
  await rememberLines([folder], {
    driver: { name: "sysfs", base: 512 },
    outputs: { relay: RELAY },
    lamps: {},
    inputs: {},
  });
  expect(lastOff()).toBe(false);
});

test("R2: after a boot, when nothing is kept in memory any more, what lies with the data counts", async () => {
  const direction = leaveRelay();
  const driver = { name: "sysfs", base: 512 } as const;
  await rememberLines([folder], { driver, outputs: { relay: RELAY }, lamps: {}, inputs: {} });
  expect(lastOff(join(folder, "not-there"))).toBe(true);
  expect(readFileSync(direction, "utf8")).toBe("low");
});
