import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { LOOK, type PiLook } from "./pi-look.js";
import { type RelayUser, startUser } from "./relay-station.js";

/**
 * In the emulated Raspberry Pi: brings the relay's line into each situation and asks the host to look at the pin. The
 * chip is the board's real one; the host answers each look with a line.
 */
const PIN = 17;
const PERSIST = "/sys/module/pinctrl_bcm2835/parameters/persist_gpio_outputs";

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
async function look(what: string, level: 0 | 1, drive: "output" | "input" = "output", stays = false): Promise<void> {
  const wanted: PiLook = { what, pin: PIN, level, drive, stays };
  process.stdout.write(`${LOOK}${JSON.stringify(wanted)}\n`);
  await answers.next();
}

async function renewing(user: RelayUser): Promise<void> {
  user.say("renew");
  await user.hears("a permit", ({ kind }) => kind === "permitted");
}

async function relayCases(driver: "sysfs" | "chardev", persists: boolean): Promise<void> {
  const named = (what: string): string => `${what} (Raspberry Pi 3B, ${driver})`;
  const wiring = { output: "hold", pulseSeconds: 15, lamps: {}, inputs: {} } as const;
  const start = (): Promise<RelayUser> => startUser({ relay: { driver, pin: PIN }, wiring });

  const first = await start();
  await look(named("R1: the relay is opened at its inactive level"), 0);
  await renewing(first);
  await look(named("R2: a permit closes the relay"), 1);
  process.kill(first.holder, "SIGKILL");
  await look(named("R2: killed with -9, the holder leaves the relay open"), 0);
  await look(named("R2: the next holder takes permits"), 1);
  process.kill(first.holder, "SIGSTOP");
  await look(named("R2: halted beyond its deadline, the holder is killed and leaves the relay open"), 0);
  await look(named("R2: the holder after it takes permits"), 1);
  first.signal("SIGSTOP");
  await look(named("R2: halted beyond its deadline, the agent leaves the relay open"), 0);
  first.signal("SIGCONT");
  await look(named("R2: awake again, the agent renews"), 1);
  first.signal("SIGKILL");
  await look(named("R2: killed with -9, the agent leaves the relay open"), 0);
  await first.end();

  const second = await start();
  await renewing(second);
  await look(named("R2: a permit closes the relay again"), 1);
  process.kill(second.holder, "SIGKILL");
  second.signal("SIGKILL");
  // This is what lines-off is for: nobody is left, and the board itself may keep the pin.
  if (driver === "sysfs") await look(named("both killed with -9: sysfs keeps the pin"), 1, "output", true);
  else if (persists) await look(named("both killed with -9: the board keeps the pin"), 1, "output", true);
  else await look(named("both killed with -9: the pin is an input again"), 0, "input");
  await second.end();
  const { linesOff } = (await import(
    new URL("../../../../device-agent/dist/hardware/lines-off.js", import.meta.url).href
  )) as {
    linesOff(lines: object): unknown;
  };
  linesOff({ driver: { name: driver }, outputs: { relay: { pin: PIN, activeLow: false } }, lamps: {} });
  await look(
    named("R2: lines-off opens the relay that both left behind"),
    0,
    persists || driver === "sysfs" ? "output" : "input",
  );
}

const persists = readFileSync(PERSIST, "utf8").trim() === "Y";
process.stdout.write(`persist_gpio_outputs=${persists ? "Y" : "N"}\n`);
await relayCases("sysfs", persists);
const exported = `/sys/class/gpio/gpio${512 + PIN}`;
if (existsSync(exported)) writeFileSync("/sys/class/gpio/unexport", String(512 + PIN));
await relayCases("chardev", persists);
process.exit(0);
