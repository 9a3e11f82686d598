import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { pause, until } from "./cases.js";
import { LOOK, type PiLook } from "./pi-look.js";
import { type RelayUser, startUser } from "./relay-station.js";

/**
 * In the emulated Raspberry Pi: brings the relay's line into each situation and asks the host to look at the pin. The
 * chip is the board's real one. Nothing comes back from the host: the guest goes on when it has seen the same itself.
 */
const PIN = 17;
const LINES = "/sys/kernel/debug/gpio";
const PERSIST = "/sys/module/pinctrl_bcm2835/parameters/persist_gpio_outputs";

/** Longest time in which an agent or holder that was ended must have left the relay open: five deadlines. */
const OPENS_MS = 2500;
const STANDS_MS = 500;
/** Beyond what the guest itself sees; too little of it fails a look, and lets none pass. */
const MARGIN_MS = 300;

/** What the kernel knows of the line; undefined where nobody holds it. */
function levelHere(): 0 | 1 | undefined {
  const held = new RegExp(`^ gpio-${512 + PIN} .* (hi|lo)`, "m").exec(readFileSync(LINES, "utf8"));
  return held ? (held[1] === "hi" ? 1 : 0) : undefined;
}

async function look(
  what: string,
  level: 0 | 1,
  { drive = "output", stays = false }: { readonly drive?: "output" | "input"; readonly stays?: boolean } = {},
): Promise<void> {
  const forMs = level === 0 && !stays ? OPENS_MS : STANDS_MS;
  const wanted: PiLook = { what, pin: PIN, level, drive, stays, forMs };
  process.stdout.write(`${LOOK}${JSON.stringify(wanted)}\n`);
  if (stays) await pause(forMs);
  else await until("what the host is to see", () => (levelHere() ?? level) === level, forMs, 20).catch(told);
  await pause(MARGIN_MS);
}

/** The host tells of it as a failed look, from outside. */
function told(error: unknown): void {
  process.stdout.write(`${String(error)}\n`);
}

async function renewing(user: RelayUser): Promise<void> {
  user.say("renew");
  await permitted(user);
}

/** Resolves when permits are acknowledged one after the other, by whatever holder stands then. */
async function permitted(user: RelayUser): Promise<void> {
  const before = user.told.filter(({ kind }) => kind === "permitted").length;
  await user.hears("permits", ({ kind }) => kind === "permitted", before + 4);
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
  await permitted(first);
  await look(named("R2: the next holder takes permits"), 1);
  process.kill(first.holder, "SIGSTOP");
  await look(named("R2: halted beyond its deadline, the holder is killed and leaves the relay open"), 0);
  await permitted(first);
  await look(named("R2: the holder after it takes permits"), 1);
  first.signal("SIGSTOP");
  await look(named("R2: halted beyond its deadline, the agent leaves the relay open"), 0);
  first.signal("SIGCONT");
  await look(named("R5: awake again, the agent's renewals close nothing"), 0, { stays: true });
  first.say("rest");
  await renewing(first);
  await look(named("R2: once it has opened, the agent is permitted again"), 1);
  first.signal("SIGKILL");
  await look(named("R2: killed with -9, the agent leaves the relay open"), 0);
  await first.end();

  const second = await start();
  await renewing(second);
  await look(named("R2: a permit closes the relay again"), 1);
  process.kill(second.holder, "SIGKILL");
  second.signal("SIGKILL");
  // This is what lines-off is for: nobody is left, and the board itself may keep the pin.
  if (driver === "sysfs") await look(named("both killed with -9: sysfs keeps the pin"), 1, { stays: true });
  else if (persists) await look(named("both killed with -9: the board keeps the pin"), 1, { stays: true });
  else await look(named("both killed with -9: the pin is an input again"), 0, { drive: "input" });
  await second.end();
  const { linesOff } = (await import(
    new URL("../../../../device-agent/dist/hardware/lines-off.js", import.meta.url).href
  )) as {
    linesOff(lines: object): unknown;
  };
  linesOff({ driver: { name: driver }, outputs: { relay: { pin: PIN, activeLow: false } }, lamps: {} });
  await look(named("R2: lines-off opens the relay that both left behind"), 0, {
    drive: persists || driver === "sysfs" ? "output" : "input",
  });
}

const persists = readFileSync(PERSIST, "utf8").trim() === "Y";
process.stdout.write(`persist_gpio_outputs=${persists ? "Y" : "N"}\n`);
await relayCases("sysfs", persists);
const exported = `/sys/class/gpio/gpio${512 + PIN}`;
if (existsSync(exported)) writeFileSync("/sys/class/gpio/unexport", String(512 + PIN));
await relayCases("chardev", persists);
process.exit(0);
