import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { agentTopic } from "@badgekey/shared";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ReaderEvent } from "../ports.js";
import { watchAmbiguity } from "./open-devices.js";
import type { RefusedError } from "./refused-error.js";
import { type AgentFolder, agentFolder, SIMULATED } from "../testing/agent-process.js";
import { Events } from "../testing/events.js";
import { startTestBroker } from "../uplink/aedes-fixture.js";

let home: AgentFolder;
const cleanups: (() => Promise<void>)[] = [];
beforeEach(async () => {
  home = await agentFolder();
});
afterEach(async () => {
  await home.close();
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const run = () => home.start(["run", "--config", home.config]);

/** Processes whose parent is `pid`. */
async function childrenOf(pid: number): Promise<readonly number[]> {
  const tasks = await readFile(`/proc/${String(pid)}/task/${String(pid)}/children`, "utf8");
  return tasks.trim().split(/\s+/).filter(Boolean).map(Number);
}

/** Processor time a process has used, user and system; the kernel counts in hundredths of a second. */
async function cpuMsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${String(pid)}/stat`, "utf8");
  const [utime = 0, stime = 0] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number);
  return 10 * (utime + stime);
}

async function exists(pid: number): Promise<boolean> {
  return readFile(`/proc/${String(pid)}/stat`, "utf8").then(
    (stat) => !/\) Z /.test(stat),
    () => false,
  );
}

async function gone(pids: readonly number[]): Promise<void> {
  while ((await Promise.all(pids.map(exists))).some(Boolean)) await new Promise((resolve) => setImmediate(resolve));
}

describe("run", () => {
  test("without any gateway it is ready in time, says what is simulated, and stops cleanly", async () => {
    await home.enrol();
    const agent = run();
    await agent.lines.first(1);
    const cpuMs = await cpuMsOf(agent.child.pid ?? 0);
    expect(JSON.parse(agent.lines.all[0] ?? "")).toEqual({ event: "ready", agent: "laser-1", machine: "laser-1" });
    expect(agent.err()).toContain("badgekey-agent: SIMULATED READER: no real card is read\n");
    expect(agent.err()).toContain("badgekey-agent: SIMULATED RELAY: no real machine is switched\n");
    // Work, not time: the promise of 2 s is the benchmark's to measure, on processors that are not busy with tests.
    expect(cpuMs).toBeLessThan(2_000);
    const children = await childrenOf(agent.child.pid ?? 0);
    expect(children.length).toBeGreaterThan(0);
    agent.child.kill("SIGTERM");
    // A stop that takes 2 s would end with 1.
    expect(await agent.ended).toBe(0);
    await gone(children);
    expect(await readdir(home.dataDir)).toEqual(expect.arrayContaining(["enrolment", "journal.db", "site-state"]));
    for (const line of agent.err().split("\n"))
      if (line.startsWith("{")) expect(JSON.parse(line)).toHaveProperty("msg");
  });

  test("SIGINT stops it too, also before it is ready", async () => {
    await home.enrol();
    const agent = run();
    await agent.lines.first(1);
    agent.child.kill("SIGINT");
    expect(await agent.ended).toBe(0);
  });

  test("its usage records and reports reach a broker, and nobody else's", async () => {
    const server = await home.enrol();
    const broker = await startTestBroker(server.authority);
    cleanups.push(() => broker.close());
    await home.configure(`${SIMULATED}gateway: { host: 127.0.0.1, port: ${String(broker.port)} }\n`);
    const agent = run();
    const topics = (name: "usage" | "report" | "time-query") => agentTopic(server.site.site, "laser-1", name);
    await broker.received.until((all) =>
      (["usage", "report", "time-query"] as const).every((name) => all.some(({ topic }) => topic === topics(name))),
    );
    agent.child.kill("SIGTERM");
    expect(await agent.ended).toBe(0);
    expect(broker.presence.all).toContain("+laser-1");
  });

  test("when its process is killed, the relay's holder goes with it", async () => {
    await home.enrol();
    const agent = run();
    await agent.lines.first(1);
    const children = await childrenOf(agent.child.pid ?? 0);
    agent.child.kill("SIGKILL");
    expect(await agent.ended).toBe("SIGKILL");
    await gone(children);
  });

  test("an exception that nobody expected ends the process with 1, and the relay's holder with it", async () => {
    await home.enrol();
    const defect = "process.on('SIGUSR2',()=>{throw new Error('a defect')})";
    const agent = home.start(["run", "--config", home.config], {
      NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(defect)}`,
    });
    await agent.lines.first(1);
    const children = await childrenOf(agent.child.pid ?? 0);
    agent.child.kill("SIGUSR2");
    expect(await agent.ended).toBe(1);
    expect(agent.err()).toContain("badgekey-agent: error: Error: a defect");
    await gone(children);
  });

  test("it goes on when nobody reads its output any more", async () => {
    await home.enrol();
    const attempts = new Events<string>();
    const nobody = createServer((socket) => {
      attempts.add("attempt");
      socket.destroy();
    });
    await new Promise<void>((resolve) => nobody.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => new Promise((resolve) => nobody.close(() => resolve())));
    const { port } = nobody.address() as { port: number };
    await home.configure(`${SIMULATED}gateway: { host: 127.0.0.1, port: ${String(port)} }\nlog: { level: debug }\n`);
    const agent = run();
    await agent.lines.first(1);
    agent.child.stdout?.destroy();
    agent.child.stderr?.destroy();
    await attempts.first(attempts.all.length + 2);
    expect(agent.child.exitCode).toBeNull();
    agent.child.kill("SIGTERM");
    expect(await agent.ended).toBe(0);
  });

  test("a configured reader whose driver is not installed is refused with the command that mends it", async () => {
    await home.enrol();
    await home.configure("readers: [{ driver: pcsc }]\nrelay: { driver: simulated }\n");
    const hide = join(home.folder, "hide.cjs");
    await writeFile(
      hide,
      `const Module = require("node:module");
       const resolve = Module._resolveFilename;
       Module._resolveFilename = function (name, ...rest) {
         if (name === "nfc-pcsc") throw Object.assign(new Error("hidden by the test"), { code: "MODULE_NOT_FOUND" });
         return resolve.call(this, name, ...rest);
       };`,
    );
    const agent = home.start(["run", "--config", home.config], { NODE_OPTIONS: `--require ${hide}` });
    expect(await agent.ended).toBe(1);
    expect(agent.lines.all).toEqual([]);
    expect(agent.err()).toContain(
      "error: the reader driver pcsc cannot be loaded: the package nfc-pcsc is not installed",
    );
    expect(agent.err()).toMatch(/badgekey-agent: hint: sudo apt-get install .*pcscd.* && npm ci\n/);
  });

  test("not enrolled, in use, or without a configuration: exit 1 with the way out", async () => {
    const bare = run();
    expect(await bare.ended).toBe(1);
    expect(bare.err()).toContain("badgekey-agent: error: agent laser-1 is not enrolled\n");
    expect(bare.err()).toContain(`badgekey-agent enroll --config ${home.config}`);
    await home.enrol();
    const first = run();
    await first.lines.first(1);
    const second = run();
    expect(await second.ended).toBe(1);
    expect(second.err()).toContain("is in use by another process");
    expect(second.err()).toContain("badgekey-agent: hint: only one agent may use a dataDir");
    first.child.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    const lost = home.start(["run", "--config", join(home.folder, "none.yaml")]);
    expect(await lost.ended).toBe(1);
    expect(lost.err()).toContain("the file cannot be read (ENOENT)");
  });

  test("a configured relay that this machine does not have is refused, and nothing takes its place", async () => {
    await home.enrol();
    await home.configure(
      "readers: [{ driver: simulated, socket: bench }]\nrelay: { driver: sysfs, pin: 17, chipLabel: none }\n",
    );
    const agent = run();
    expect(await agent.ended).toBe(1);
    expect(agent.lines.all).toEqual([]);
    expect(agent.err()).toMatch(/badgekey-agent: error: .*GPIO/);
    expect(agent.err()).toContain("badgekey-agent: hint: ");
    expect(agent.err()).not.toContain("SIMULATED RELAY");
  });

  test("several readers work side by side", async () => {
    await home.enrol();
    const hellos: string[] = [];
    let onHello: () => void = () => undefined;
    const both = new Promise<void>((resolve) => (onHello = () => hellos.length === 2 && resolve()));
    for (const name of ["left", "right"]) {
      const bench = createServer((socket) => {
        // The agent's end takes the line with it.
        socket.on("error", () => undefined);
        socket.once("data", (chunk: Buffer) => {
          hellos.push(`${name} ${chunk.toString().trim()}`);
          onHello();
        });
      });
      await new Promise<void>((resolve) => bench.listen(join(home.folder, name), resolve));
      cleanups.push(() => new Promise((resolve) => bench.close(() => resolve())));
    }
    await home.configure(
      "readers: [{ driver: simulated, socket: left }, { driver: simulated, socket: right }]\nrelay: { driver: simulated }\n",
    );
    const agent = run();
    await both;
    expect(hellos.sort()).toEqual(['left {"type":"hello","role":"reader"}', 'right {"type":"hello","role":"reader"}']);
    agent.child.kill("SIGTERM");
    expect(await agent.ended).toBe(0);
  });
});

describe("command line", () => {
  test.each([
    [["--help"], 0, ["run", "enroll", "doctor"]],
    [["run", "--help"], 0, ["--config <file>", "guard the machine"]],
    [["enroll", "--help"], 0, ["--replace", "standard input"]],
    [["doctor", "--help"], 0, ["--json", "Exits with 1"]],
    [["--version"], 0, ["0.1.0"]],
  ])("%j helps", async (args, code, words) => {
    const agent = home.start(args);
    expect(await agent.ended).toBe(code);
    const said = agent.lines.all.join("\n");
    for (const word of words) expect(said).toContain(word);
  });

  test.each([[["fly"]], [["run", "--loud"]], [["run", "extra"]], [["enroll", "--config"]], [[]]])(
    "%j is wrong usage: exit 2",
    async (args) => {
      const agent = home.start(args);
      expect(await agent.ended).toBe(2);
      expect(agent.err()).toMatch(/badgekey-agent: error: |Usage: badgekey-agent/);
    },
  );

  test("a configuration that cannot be used is told whole, exit 1", async () => {
    await home.configure("relay: { driver: sysfs, pin: 5 }\nunknown: 1\n");
    const agent = home.start(["doctor", "--config", home.config]);
    expect(await agent.ended).toBe(1);
    expect(agent.err()).toContain("badgekey-agent: error: ");
    expect(agent.err()).toContain("relay.pin: pin 5 is not pulled down at power-up");
    expect(agent.err()).toContain('unknown key "unknown"');
    expect(agent.err()).toContain("readers: write a list with at least one reader");
  });
});

describe("an ambiguous reader", () => {
  const playing = (events: readonly ReaderEvent[]) => {
    const seen: ReaderEvent[] = [];
    const refusals: RefusedError[] = [];
    const reader = watchAmbiguity(
      { start: (onEvent) => events.forEach(onEvent), close: () => Promise.resolve() },
      (refusal) => refusals.push(refusal),
    );
    reader.start((event) => seen.push(event));
    return { seen, refusals };
  };
  const lost = (reason: string): ReaderEvent => ({ kind: "readerLost", reader: "pcsc", reason });

  test("is refused at the start, once, and only before a reader was found", () => {
    const early = playing([lost("absent: none"), lost("ambiguous: 2 readers fit"), lost("ambiguous: 3 readers fit")]);
    expect(early.refusals.map(({ message }) => message)).toEqual(["2 readers fit"]);
    expect(early.refusals[0]?.hint).toContain("name:");
    expect(early.seen).toHaveLength(3);
    const later = playing([{ kind: "readerReady", reader: "ACR" }, lost("ambiguous: 2 readers fit")]);
    expect(later.refusals).toEqual([]);
  });
});
