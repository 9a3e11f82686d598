import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { systemClock } from "../system-clock.js";
import { openLines } from "./open-lines.js";

/** Why onoff cannot be driven here against a folder of our own in the place of /sys/class; undefined where it can. */
function whyNot(): string | undefined {
  if (process.platform !== "linux") return "needs Linux";
  if (process.getuid?.() !== 0) return "needs root, to put a folder of its own in the place of /sys/class";
  try {
    createRequire(import.meta.url)("onoff");
  } catch {
    return "onoff is not installed: apt-get install -y build-essential python3 && npm ci";
  }
  const tried = spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", "/sys/class"]);
  return tried.status === 0 ? undefined : "unshare and mount are not permitted here";
}

const missing = whyNot();
if (missing !== undefined) console.warn(`gpio-sysfs.test.ts: the tests on onoff are left out: ${missing}`);
const onoffTest = test.skipIf(missing !== undefined);
const titled = (title: string): string => (missing === undefined ? title : `${title} (left out: ${missing})`);

const openLinesModule = JSON.stringify(new URL("../../dist/hardware/open-lines.js", import.meta.url).href);

/**
 * Runs a program with a sysfs that shows a Pi's chip at 512 and `pin` as a predecessor left it: exported and energised.
 */
async function runWithPins(pin: number, program: string): Promise<unknown> {
  const gpio = "/sys/class/gpio";
  const line = `${gpio}/gpio${512 + pin}`;
  const script = `
    set -e
    mount -t tmpfs tmpfs /sys/class
    mkdir -p ${gpio}/gpiochip512 ${line}
    echo pinctrl-bcm2835 > ${gpio}/gpiochip512/label
    echo 512 > ${gpio}/gpiochip512/base
    echo 1 > ${line}/value
    echo out > ${line}/direction
    echo 0 > ${line}/active_low
    exec "$0" --input-type=module -e "$1"`;
  const prelude = `
    import { execFileSync } from "node:child_process";
    import { EventEmitter, on } from "node:events";
    import { readFile, writeFile } from "node:fs/promises";
    import { watch } from "node:fs";
    import { openLines } from ${openLinesModule};
    const closed = { relay: "closed", runOn: false, stop: false };
    const line = ${JSON.stringify(line)};
    const read = async (name) => (await readFile(line + "/" + name, "utf8")).trim();
    const becomes = (value) => new Promise((resolve) => {
      const watcher = watch(line + "/value", check);
      async function check() {
        if ((await read("value")) !== value) return;
        watcher.close();
        resolve();
      }
      check();
    });
    const wake = new EventEmitter();
    const seen = [];`;
  const child = spawn("unshare", ["-m", "bash", "-c", script, process.execPath, prelude + program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  expect(code).toBe(0);
  return JSON.parse(output);
}

onoffTest(titled("R1, R2: onoff drives the pin at its chip's base, and opens it at once"), async () => {
  const seen = await runWithPins(
    17,
    `
    const { relay } = await openLines({ driver: "sysfs", pin: 17 }, undefined, {});
    relay.watch((reason) => seen.push(reason));
    seen.push(await read("direction"), await read("active_low"), await read("value"));
    await relay.permit(500, closed);
    seen.push(await read("value"));
    await becomes("0");
    await relay.open();
    await relay.permit(500, closed);
    seen.push(await read("value"));
    process.kill(relay.holderPid, "SIGKILL");
    await becomes("0");
    await relay.close();
    seen.push(await read("value"));
    console.log(JSON.stringify(seen));`,
  );
  expect(seen).toEqual(["low", "0", "0", "1", "1", "the relay holder ended (SIGKILL)", "0"]);
});

onoffTest(titled("R1: an active-low line is opened at its high level, never with direction out"), async () => {
  const seen = await runWithPins(
    5,
    `
    const { relay } = await openLines({ driver: "sysfs", pin: 5, activeLow: true }, undefined, {});
    seen.push(await read("direction"), await read("active_low"), await read("value"));
    await relay.permit(500, closed);
    seen.push(await read("value"));
    await relay.close();
    seen.push(await read("value"));
    console.log(JSON.stringify(seen));`,
  );
  expect(seen).toEqual(["high", "1", "0", "1", "0"]);
});

onoffTest(
  titled("a contact over sysfs is read with its polarity, at every look where its chip tells of no edges"),
  async () => {
    const seen = await runWithPins(
      22,
      `
    const wiring = { lamps: {}, inputs: { busy: { pin: 22, activeLow: true } }, relay: { pin: 17, activeLow: false } };
    execFileSync("cp", ["-r", line, line.replace("534", "529")]);
    await writeFile(line + "/edge", "none");
    await writeFile(line + "/direction", "in");
    const { relay, inputs } = await openLines({ driver: "sysfs" }, wiring, {});
    const reports = on(wake, "report");
    inputs.start((report) => wake.emit("report", report));
    const next = async () => (await reports.next()).value[0];
    seen.push(await next(), await read("edge"), await read("active_low"));
    await writeFile(line + "/value", "0");
    seen.push(await next());
    await relay.close();
    console.log(JSON.stringify(seen));`,
    );
    const busy = { kind: "changed", input: "busy" };
    expect(seen).toEqual([{ ...busy, active: true }, "both", "1", { ...busy, active: false }]);
  },
);

onoffTest(titled("without onoff the error carries the command that installs it"), async () => {
  const seen = await runWithPins(
    17,
    `
    import { createRequire } from "node:module";
    import { dirname } from "node:path";
    const onoff = dirname(createRequire(${openLinesModule}).resolve("onoff"));
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", onoff]);
    const failure = await openLines({ driver: "sysfs", pin: 17 }, undefined, {}).catch((error) => error);
    console.log(JSON.stringify([failure.name, failure.hint, await read("value")]));`,
  );
  expect(seen).toEqual(["DriverMissingError", "sudo apt-get install -y build-essential python3 && npm ci", "1"]);
});

test.skipIf(existsSync("/sys/class/gpio"))(
  "a machine without GPIO gives the error that says so, and no relay in its place",
  async () => {
    await expect(
      openLines({ driver: "sysfs", pin: 17 }, undefined, { scheduler: systemClock() }),
    ).rejects.toMatchObject({
      name: "DriverMissingError",
      message: "this machine has no GPIO: /sys/class/gpio cannot be read",
      hint: "run the agent on a Raspberry Pi whose kernel shows its pins: ls /sys/class/gpio",
    });
  },
);
