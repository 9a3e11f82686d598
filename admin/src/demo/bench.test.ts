import { mkdtemp, rm } from "node:fs/promises";
import { type Socket, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromHex } from "@badgekey/shared";
import { VirtualNtag } from "@badgekey/shared/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Bench, openBench } from "./bench.js";
import { type Changes, createChanges } from "./changes.js";

let dir: string;
let bench: Bench;
let changes: Changes;
let troubles: string[];
const drivers: Driver[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "bk-"));
  changes = createChanges();
  troubles = [];
  bench = await openBench({
    socketPath: join(dir, "laser-1.sock"),
    onChange: () => changes.changed(),
    onTrouble(detail) {
      troubles.push(detail);
      changes.changed();
    },
  });
});

afterEach(async () => {
  for (const driver of drivers.splice(0)) driver.socket.destroy();
  await bench.close();
  await rm(dir, { recursive: true });
});

/** The driver's end of the socket: sends lines, keeps what it hears. */
class Driver {
  readonly heard: unknown[] = [];
  readonly socket: Socket;

  constructor(path: string) {
    this.socket = connect(path);
    let rest = "";
    this.socket.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      this.heard.push(...lines.map((line) => JSON.parse(line) as unknown));
      changes.changed();
    });
    this.socket.on("error", () => undefined);
    this.socket.on("close", () => changes.changed());
    drivers.push(this);
  }

  say(...messages: object[]): void {
    for (const message of messages) this.socket.write(`${JSON.stringify(message)}\n`);
  }

  hears(count: number): Promise<unknown[]> {
    return changes.until(`${count} lines`, 2000, () => (this.heard.length >= count ? this.heard : undefined));
  }
}

const until = (look: () => boolean) => changes.until("a change", 2000, () => look() || undefined);
const card = () => new VirtualNtag("NTAG215", fromHex("04e10cda993c80"));

describe("bench", () => {
  test("carries APDUs between a reader and a card until the card is taken away", async () => {
    const reader = new Driver(bench.socketPath);
    reader.say({ type: "hello", role: "reader" });
    await until(() => bench.state.readers === 1);
    bench.insert(card());
    reader.say({ type: "apdu", id: 1, n: 4, data: "ffca000000" });
    const heard = await reader.hears(2);
    expect(heard).toEqual([
      { type: "insert", id: 1, atr: "3b8f8001804f0ca0000003060300030000000068" },
      { type: "answer", id: 1, n: 4, data: "04e10cda993c809000" },
    ]);
    bench.remove();
    reader.say({ type: "apdu", id: 1, n: 5, data: "ffca000000" });
    bench.insert(card());
    expect((await reader.hears(4)).slice(2)).toMatchObject([
      { type: "remove", id: 1 },
      { type: "insert", id: 2 },
    ]);
  });

  test("tells a reader that comes late of the card that lies there", async () => {
    bench.insert(card());
    const reader = new Driver(bench.socketPath);
    reader.say({ type: "hello", role: "reader" });
    expect(await reader.hears(1)).toMatchObject([{ type: "insert", id: 1, found: true }]);
  });

  test("shows relay, screen and decision, and counts closings", async () => {
    const relay = new Driver(bench.socketPath);
    relay.say(
      { type: "hello", role: "relay" },
      { type: "relay", position: "open" },
      { type: "relay", position: "closed" },
    );
    const screen = new Driver(bench.socketPath);
    screen.say(
      { type: "hello", role: "screen" },
      { type: "screen", tone: "enabled", headline: "Enabled", detail: "until 15:40", next: "" },
      { type: "decision", code: "ACCEPTED", decisionUs: 310, tapUs: 9000 },
    );
    await until(() => bench.state.relay === "closed" && bench.state.decision !== undefined);
    expect(bench.state).toMatchObject({
      closings: 1,
      screen: { tone: "enabled", headline: "Enabled", detail: "until 15:40", next: "" },
      decision: { count: 1, code: "ACCEPTED", decisionUs: 310 },
    });
  });

  test("contacts set here reach the relay's driver, also one that comes later; its other outputs are shown", async () => {
    bench.setInput("busy", true);
    const relay = new Driver(bench.socketPath);
    relay.say({ type: "hello", role: "relay" }, { type: "outputs", runOn: true, stop: false });
    expect(await relay.hears(1)).toEqual([{ type: "input", input: "busy", active: true }]);
    bench.setInput("emergencyStop", true);
    expect(await relay.hears(2)).toContainEqual({ type: "input", input: "emergencyStop", active: true });
    await until(() => bench.state.outputs["runOn"] === true);
    expect(bench.state.inputs).toEqual({ busy: true, emergencyStop: true });
  });

  test("a relay nobody sees any more is not shown as closed", async () => {
    const relay = new Driver(bench.socketPath);
    relay.say({ type: "hello", role: "relay" }, { type: "relay", position: "closed" });
    await until(() => bench.state.relay === "closed");
    relay.socket.destroy();
    await until(() => bench.state.relay === "unknown");
  });

  test.each([
    ["no JSON", "nonsense\n"],
    ["a message before the hello", '{"type":"relay","position":"open"}\n'],
    ["an unknown message", '{"type":"hello","role":"kettle"}\n'],
    ["a line without end", "x".repeat(9000)],
  ])("hangs up on %s, and goes on", async (_what, text) => {
    const driver = new Driver(bench.socketPath);
    driver.socket.write(text);
    await until(() => troubles.length === 1 && driver.socket.closed);
    const next = new Driver(bench.socketPath);
    next.say({ type: "hello", role: "reader" });
    await until(() => bench.state.readers === 1);
  });
});
