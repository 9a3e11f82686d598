import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { type MachinePolicyInput, machinePolicySchema } from "@badgekey/shared";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { InputReport, Wiring } from "../ports.js";
import { systemClock } from "../system-clock.js";
import { Events } from "../testing/events.js";
import { LineWatcher } from "../testing/line-watcher.js";
import type { LinesConfig } from "./line.js";
import { type MachineLines, openLines } from "./open-lines.js";

const CLOSED = { relay: "closed", runOn: false, stop: false } as const;
const RUN_ON = { relay: "open", runOn: true, stop: false } as const;
const ALL = { relay: "closed", runOn: true, stop: true } as const;
const hello = { type: "hello", role: "relay" };
const opened = { type: "relay", position: "open" };
const closed = { type: "relay", position: "closed" };
const outputs = (states: Readonly<Record<string, boolean>>) => ({ type: "outputs", ...states });

const wired = (wiring: MachinePolicyInput["wiring"]): Wiring =>
  machinePolicySchema.parse({ name: "Laser cutter", wiring }).wiring;

let folder: string;
let socket: string;
let watcher: LineWatcher;
let lines: MachineLines | undefined;
let faults: Events<string>;
let reports: Events<InputReport>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "badgekey-lines-"));
  socket = join(folder, "line.sock");
  watcher = new LineWatcher(socket);
  faults = new Events();
  reports = new Events();
});

afterEach(async () => {
  await lines?.relay.close();
  lines = undefined;
  await watcher.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(wiring?: Wiring, onLines?: (config: LinesConfig) => Promise<void>): Promise<MachineLines> {
  lines = await openLines({ driver: "simulated", socket }, wiring, {
    scheduler: systemClock(),
    ...(onLines && { onLines }),
  });
  lines.relay.watch((reason) => faults.add(reason));
  lines.inputs.start((report) => reports.add(report));
  return lines;
}

const told = () =>
  reports.all.map(({ input, ...report }) =>
    report.kind === "lost" ? `${input} lost: ${report.reason}` : `${input} ${report.active ? "active" : "inactive"}`,
  );

describe("R2: outputs beside the relay", () => {
  const wiring = wired({ relay: { pin: 17 }, runOn: { pin: 22 }, stop: { pin: 23 } });

  test("each follows its permit, and all fall inactive at its end, the relay first", async () => {
    const { relay } = await open(wiring);
    await watcher.expectNext(hello, opened, outputs({ runOn: false, stop: false }));
    await relay.permit(500, ALL);
    // What is switched on comes from the machine's periphery inwards.
    await watcher.expectNext(outputs({ runOn: false, stop: true }), outputs({ runOn: true, stop: true }), closed);
    await watcher.expectNext(opened, outputs({ runOn: false, stop: true }), outputs({ runOn: false, stop: false }));
  });

  test("the relay opens before anything else changes, while run-on goes on", async () => {
    const { relay } = await open(wiring);
    await watcher.expectNext(hello, opened, outputs({ runOn: false, stop: false }));
    await relay.permit(500, { relay: "closed", runOn: false, stop: true });
    await watcher.expectNext(outputs({ runOn: false, stop: true }), closed);
    await relay.permit(500, RUN_ON);
    await watcher.expectNext(opened, outputs({ runOn: false, stop: false }), outputs({ runOn: true, stop: false }));
  });

  test("open, and the end of the agent, let all of them go", async () => {
    const { relay } = await open(wiring);
    await watcher.expectNext(hello, opened, outputs({ runOn: false, stop: false }));
    await relay.permit(500, RUN_ON);
    await relay.open();
    await watcher.expectNext(outputs({ runOn: true, stop: false }), outputs({ runOn: false, stop: false }));
    await relay.permit(500, RUN_ON);
    await relay.close();
    await watcher.expectNext(outputs({ runOn: true, stop: false }), outputs({ runOn: false, stop: false }));
    expect(faults.all).toEqual([]);
  });

  test("the alive output pulses while the relay is permitted, and never by run-on alone", async () => {
    const { relay } = await open(wired({ relay: { pin: 17 }, runOn: { pin: 22 }, alive: { pin: 5 } }));
    await watcher.expectNext(hello, opened, outputs({ runOn: false, alive: false }));
    await relay.permit(500, RUN_ON);
    await watcher.expectNext(outputs({ runOn: true, alive: false }), outputs({ runOn: false, alive: false }));
    await relay.open();
    await relay.permit(500, CLOSED);
    await watcher.expectNext(closed);
    const pulses: unknown[] = [];
    for (;;) {
      const { message } = await watcher.next();
      if ((message as { type: string }).type === "relay") break;
      pulses.push(message);
    }
    expect(pulses.length).toBeGreaterThanOrEqual(2);
    expect(pulses.length).toBeLessThanOrEqual(10);
    expect(pulses.slice(0, 2)).toEqual([outputs({ runOn: false, alive: true }), outputs({ runOn: false, alive: false })]); // prettier-ignore
    await relay.open();
    await watcher.close();
    const last = watcher.all.at(-1)?.message;
    watcher = new LineWatcher(socket);
    expect([opened, outputs({ runOn: false, alive: false })]).toContainEqual(last);
  });
});

describe("contacts", () => {
  const wiring = wired({
    relay: { pin: 17 },
    inputs: { busy: { pin: 5 }, emergencyStop: { pin: 6, activeLow: true } },
  });

  test("are reported once at the start, then at each change; what is not wired is not heard", async () => {
    await open(wiring);
    await reports.first(2);
    watcher.send({ type: "input", input: "feedback", active: true });
    watcher.send({ type: "input", input: "busy", active: true });
    await reports.first(3);
    watcher.send({ type: "input", input: "busy", active: false });
    await reports.first(4);
    expect(told()).toEqual(["busy inactive", "emergencyStop inactive", "busy active", "busy inactive"]);
  });

  test("are told again to who starts late", async () => {
    lines = await openLines({ driver: "simulated", socket }, wiring, { scheduler: systemClock() });
    await lines.relay.rewire(wired({ relay: { pin: 17 }, inputs: { busy: { pin: 5 } } }));
    lines.inputs.start((report) => reports.add(report));
    expect(told()).toEqual(["busy inactive"]);
  });

  test("are lost with their holder, and reported anew by the next one", async () => {
    const { relay } = await open(wiring);
    await reports.first(2);
    process.kill(relay.holderPid ?? 0, "SIGKILL");
    await reports.first(6);
    expect(told().slice(2)).toEqual([
      "busy lost: the relay holder ended (SIGKILL)",
      "emergencyStop lost: the relay holder ended (SIGKILL)",
      "busy inactive",
      "emergencyStop inactive",
    ]);
  });

  test("a listener that says what it should not is hung up on, and touches nothing", async () => {
    const { relay } = await open(wiring);
    await watcher.expectNext(hello, opened);
    await relay.permit(500, CLOSED);
    await watcher.expectNext(closed);
    watcher.send({ type: "relay", position: "closed" });
    // By the time it has come back the permit is over.
    await watcher.expectNext(hello, opened);
    await relay.open();
    expect(faults.all).toEqual([]);
  });
});

describe("lamps", () => {
  const wiring = wired({ relay: { pin: 17 }, lamps: { green: { pin: 5 }, red: { pin: 6 } } });

  test("show what the indicator says, also by the next holder, and go out with the agent", async () => {
    const { relay, indicator } = await open(wiring);
    await watcher.expectNext(hello, opened, outputs({ green: false, red: false }));
    indicator.show("enabled");
    await watcher.expectNext(outputs({ green: true, red: false }));
    process.kill(relay.holderPid ?? 0, "SIGKILL");
    await faults.first(1);
    await watcher.expectNext(hello, opened);
    while (!isDeepStrictEqual((await watcher.next()).message, outputs({ green: true, red: false })));
    await relay.close();
    await watcher.expectNext(outputs({ green: false, red: false }));
  });

  test("stay lit beyond the end of a permit", async () => {
    const { relay, indicator } = await open(wiring);
    await watcher.expectNext(hello, opened, outputs({ green: false, red: false }));
    indicator.show("enabled");
    await relay.permit(100, CLOSED);
    await watcher.expectNext(outputs({ green: true, red: false }), closed, opened);
  });
});

describe("wiring", () => {
  const good = wired({ relay: { pin: 17 }, runOn: { pin: 22 } });
  const twice = wired({ relay: { pin: 17 }, runOn: { pin: 17 } });
  const sentence = "GPIO 17 is wired twice, for the relay and the run-on output: move one of them";

  test("a new one takes a new holder: the old one lets go first", async () => {
    const { relay } = await open();
    const first = relay.holderPid;
    await watcher.expectNext(hello, opened);
    await relay.permit(500, CLOSED);
    await watcher.expectNext(closed);
    await relay.rewire(good);
    await watcher.expectNext(opened, hello, opened, outputs({ runOn: false }));
    expect(relay.holderPid).not.toBe(first);
    await relay.permit(500, RUN_ON);
    await watcher.expectNext(outputs({ runOn: true }));
    expect(faults.all).toEqual([]);
  });

  test("the same one again changes nothing", async () => {
    const { relay } = await open(good);
    const first = relay.holderPid;
    await relay.rewire(wired({ relay: { pin: 17 }, runOn: { pin: 22 }, output: "pulse" }));
    expect(relay.holderPid).toBe(first);
  });

  test("R1: one that contradicts itself is refused in words; nothing closes until a good one comes", async () => {
    const { relay } = await open(good);
    await expect(relay.rewire(twice)).rejects.toThrow(sentence);
    await expect(relay.permit(500, RUN_ON)).rejects.toThrow(sentence);
    await expect(relay.open()).rejects.toThrow(sentence);
    await relay.rewire(good);
    await relay.open();
    await relay.permit(500, CLOSED);
    expect(faults.all).toEqual([]);
  });

  test("R1: one that contradicts itself at the start is told to who watches, and permits nothing", async () => {
    const { relay } = await open(twice);
    expect(faults.all).toEqual([sentence]);
    await expect(relay.permit(500, CLOSED)).rejects.toThrow(sentence);
    await relay.rewire(good);
    await relay.permit(500, CLOSED);
  });

  test("whoever opens the lines when all has died is told of them before they are used", async () => {
    const kept: LinesConfig[] = [];
    const { relay } = await open(undefined, (config) => {
      expect(watcher.all).toHaveLength(kept.length * 2);
      kept.push(config);
      return Promise.resolve();
    });
    await watcher.expectNext(hello, opened);
    await relay.rewire(good);
    expect(kept.map((config) => Object.keys(config.outputs))).toEqual([["relay"], ["relay", "runOn"]]);
  });
});

describe("R2: the holder's protocol", () => {
  const program = fileURLToPath(new URL("../../dist/hardware/relay-holder-process.js", import.meta.url));
  const config = (parts: Partial<LinesConfig>): LinesConfig => ({
    driver: { name: "simulated" },
    outputs: { relay: { pin: 17, activeLow: false } },
    lamps: {},
    inputs: {},
    ...parts,
  });

  function start(argument: unknown) {
    const child = spawn(process.execPath, [program, JSON.stringify(argument)]);
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const ended = once(child, "exit").then(([code]) => code as number | null);
    return {
      ended,
      next: async (): Promise<unknown> => (await answers.next()).value,
      say: (command: string) => child.stdin.write(`${command}\n`),
    };
  }
  const now = () => String(process.hrtime.bigint() / 1_000_000n);

  test.each([
    ["a command it does not know", () => "close for ever"],
    ["a permit for an output that is none", () => `permit 500 1 ${now()} relay,laser`],
    ["a permit for what nobody may ask", () => `permit 500 1 ${now()} alive`],
    ["lamps that are none", () => "lamps blue"],
  ])("%s ends it", async (_title, command) => {
    const holder = start(config({}));
    expect(await holder.next()).toContain("ready ");
    holder.say(command());
    expect(await holder.ended).toBe(1);
  });

  test("a permit for a relay that is not wired ends it; one for nothing does not", async () => {
    const holder = start(config({ outputs: {} }));
    expect(await holder.next()).toBe('ready {"driver":"simulated","openers":[]}');
    holder.say(`permit 500 1 ${now()} -`);
    expect(await holder.next()).toBe("ok 1");
    holder.say(`permit 500 2 ${now()} relay`);
    expect(await holder.ended).toBe(1);
  });

  test("what is no configuration is refused in its own words", async () => {
    const holder = start("nothing");
    expect(await holder.next()).toMatch(/^failed \{"name":"TypeError"/);
    expect(await holder.ended).toBe(1);
  });

  test("an agent that reads nothing for long is as good as dead", async () => {
    const child = spawn(process.execPath, [program, JSON.stringify(config({}))], { stdio: ["pipe", "pipe", "ignore"] });
    child.stdout.pause();
    const opens = "open 999999999999999\n".repeat(5_000);
    child.stdin.on("error", () => undefined);
    for (let count = 0; count < 8; count += 1) child.stdin.write(opens);
    expect((await once(child, "exit"))[0]).toBe(1);
  });
});
