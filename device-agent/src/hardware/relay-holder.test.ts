import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setInterval as ticks } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../system-clock.js";
import { LineWatcher } from "../testing/line-watcher.js";
import { openLines } from "./open-lines.js";
import type { HolderRelay } from "./relay-holder.js";

const built = (name: string): URL => new URL(`../../dist/hardware/${name}`, import.meta.url);

const CLOSED = { relay: "closed", runOn: false, stop: false } as const;
const hello = { type: "hello", role: "relay" };
const opened = { type: "relay", position: "open" };
const closed = { type: "relay", position: "closed" };

let folder: string;
let socket: string;
let watcher: LineWatcher;
let relay: HolderRelay | undefined;
let faults: string[];
let onNextFault: () => void;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "badgekey-relay-"));
  socket = join(folder, "line.sock");
  watcher = new LineWatcher(socket);
  faults = [];
  onNextFault = () => {};
});

afterEach(async () => {
  await relay?.close();
  relay = undefined;
  await watcher.close();
  await rm(folder, { recursive: true, force: true });
});

async function start(): Promise<HolderRelay> {
  const lines = await openLines({ driver: "simulated", socket }, undefined, { scheduler: systemClock() });
  relay = lines.relay;
  relay.watch((reason) => {
    faults.push(reason);
    onNextFault();
  });
  await watcher.expectNext(hello, opened);
  return relay;
}

const nextFault = (): Promise<void> => new Promise((resolve) => (onNextFault = resolve));

function pidOf(holder: HolderRelay): number {
  if (holder.holderPid === undefined) throw new Error("no holder runs");
  return holder.holderPid;
}

describe("R2: the relay holder", () => {
  test("a permit closes; open opens; both are acknowledged", async () => {
    const holder = await start();
    await holder.permit(500, CLOSED);
    await watcher.expectNext(closed);
    await holder.open();
    await watcher.expectNext(opened);
    expect(faults).toEqual([]);
  });

  test("a missed renewal opens, also when more than 500 ms were asked for", async () => {
    const holder = await start();
    const asked = performance.now();
    await holder.permit(60_000, CLOSED);
    await watcher.expectNext(closed);
    const { message, at } = await watcher.next();
    expect(message).toEqual(opened);
    expect(at - asked).toBeGreaterThan(400);
    expect(at - asked).toBeLessThan(5000);
  });

  test("renewals keep it closed without a break", async () => {
    const holder = await start();
    const end = performance.now() + 1200;
    for (const loop = ticks(50); performance.now() < end; await loop.next()) await holder.permit(500, CLOSED);
    await watcher.expectNext(closed);
    await holder.open();
    await watcher.expectNext(opened);
  });

  test("a permit of no length, or none at all, is refused", async () => {
    const holder = await start();
    await expect(holder.permit(0, CLOSED)).rejects.toThrow(RangeError);
    await expect(holder.permit(Number.NaN, CLOSED)).rejects.toThrow(RangeError);
  });

  test("close opens the line and ends the holder without a fault", async () => {
    const holder = await start();
    const pid = pidOf(holder);
    await holder.permit(500, CLOSED);
    await holder.close();
    await watcher.expectNext(closed, opened);
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    await expect(holder.permit(100, CLOSED)).rejects.toThrow("the relay is closed down");
    await expect(holder.open()).rejects.toThrow("the relay is closed down");
    expect(faults).toEqual([]);
  });

  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "%s to the holder opens; the next one opens first and serves",
    async (signal) => {
      const holder = await start();
      const first = pidOf(holder);
      await holder.permit(500, CLOSED);
      await watcher.expectNext(closed);
      const told = nextFault();
      process.kill(first, signal);
      await watcher.expectNext(opened, hello, opened);
      await told;
      expect(faults).toEqual(["the relay holder ended (exit code 0)"]);
      await holder.open();
      expect(pidOf(holder)).not.toBe(first);
    },
  );

  test("a killed holder is replaced by one that opens first; permits are refused until then", async () => {
    const holder = await start();
    await holder.permit(500, CLOSED);
    await watcher.expectNext(closed);
    const told = nextFault();
    process.kill(pidOf(holder), "SIGKILL");
    await told;
    expect(faults).toEqual(["the relay holder ended (SIGKILL)"]);
    await expect(holder.permit(500, CLOSED)).rejects.toThrow("the relay holder is being started anew");
    await watcher.expectNext(hello, opened);
    await holder.open();
    await holder.permit(500, CLOSED);
    await watcher.expectNext(closed);
    expect(faults).toHaveLength(1);
  });

  test("a stopped holder is killed after 250 ms without an answer, told once, and replaced", async () => {
    const holder = await start();
    const first = pidOf(holder);
    await holder.permit(500, CLOSED);
    await watcher.expectNext(closed);
    process.kill(first, "SIGSTOP");
    const asked = performance.now();
    const answers = await Promise.allSettled([holder.permit(500, CLOSED), holder.permit(500, CLOSED), holder.open()]);
    expect(performance.now() - asked).toBeGreaterThan(240);
    expect(answers.map((answer) => answer.status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(faults).toEqual(["the relay holder did not answer within 250 ms"]);
    await watcher.expectNext(hello, opened);
    expect(() => process.kill(first, 0)).toThrow("ESRCH");
    await holder.open();
    await holder.permit(500, CLOSED);
    await watcher.expectNext(closed);
  });

  // Tried again where the machine was too busy to tell end-of-file from the deadline.
  test("kill -9 of the agent: end-of-file opens the line", { retry: 2 }, async () => {
    const program = `
      import { openLines } from ${JSON.stringify(built("open-lines.js").href)};
      const { relay } = await openLines({ driver: "simulated", socket: ${JSON.stringify(socket)} }, undefined, {});
      setInterval(() => relay.permit(500, ${JSON.stringify(CLOSED)}), 50);`;
    const agent: ChildProcess = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "inherit" });
    await watcher.expectNext(hello, opened, closed);
    const killed = performance.now();
    agent.kill("SIGKILL");
    const { message, at } = await watcher.next();
    expect(message).toEqual(opened);
    // Its own deadline would have taken up to 500 ms.
    expect(at - killed).toBeLessThan(400);
  });

  test("a permit that lay in the pipe past its own end does not close the line, nor does the next before it was opened", async () => {
    const argument = { driver: { name: "simulated", socket }, outputs: { relay: { pin: 17, activeLow: false } }, lamps: {}, inputs: {} }; // prettier-ignore
    const child = spawn(process.execPath, [built("relay-holder-process.js").pathname, JSON.stringify(argument)]); // prettier-ignore
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const nextAnswer = async (): Promise<unknown> => (await answers.next()).value;
    expect(await nextAnswer()).toBe('ready {"driver":"simulated","openers":[]}');
    const sentAt = process.hrtime.bigint() / 1_000_000n;
    child.stdin.write(`permit 500 1 ${sentAt - 501n} relay\n`);
    expect(await nextAnswer()).toBe("late 1");
    child.stdin.write(`permit 500 2 ${sentAt + 60_000n} relay\n`);
    expect(await nextAnswer()).toBe("late 2");
    child.stdin.write(`open 3\npermit 500 4 ${sentAt + 60_000n} relay\n`);
    expect([await nextAnswer(), await nextAnswer()]).toEqual(["ok 3", "ok 4"]);
    await watcher.expectNext(hello, opened, closed, opened);
    const ended = once(child, "exit");
    child.stdin.write("close for ever\n");
    expect((await ended)[0]).toBe(1);
  });
});

test("trouble with the watcher's socket never touches the line", async () => {
  const holder = await start();
  await watcher.close();
  await holder.permit(500, CLOSED);
  await holder.open();
  await holder.permit(500, CLOSED);
  watcher = new LineWatcher(socket);
  await watcher.expectNext(hello);
  expect((await watcher.next()).message).toMatchObject({ type: "relay" });
  await holder.open();
  expect(faults).toEqual([]);
});

test("R1: a pin that the Pi does not hold open at power-up is refused before any process starts", async () => {
  const config = { driver: "sysfs", pin: 4 } as const;
  await expect(openLines(config, undefined, { scheduler: systemClock() })).rejects.toThrow("pin 4 is not pulled down");
});
