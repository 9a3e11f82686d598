import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Events } from "../testing/events.js";
import { type ReaderProcess, spawnReaderProcess } from "./pcsc-launch.js";
import type { FromReaderProcess } from "./pcsc-messages.js";

type Told = { readonly message: FromReaderProcess } | { readonly nonsense: string } | { readonly end: string };

/** Real processes that misbehave, in place of the one that holds nfc-pcsc. */
let folder: string;
let told: Events<Told>;
let running: ReaderProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "badgekey-reader-"));
  told = new Events();
  running = undefined;
});
afterEach(async () => {
  running?.kill();
  if (running) await told.until(hasEnded);
  rmSync(folder, { recursive: true });
});

const hasEnded = (all: readonly Told[]): boolean => all.some((one) => "end" in one);

/** Runs a program that writes to file descriptor 3 by `say`. */
function run(body: string, wanted?: string): ReaderProcess {
  const program = join(folder, "reader.mjs");
  const prelude = `import { writeSync } from "node:fs"; const say = (text) => writeSync(3, text);\n`;
  writeFileSync(program, prelude + body);
  running = spawnReaderProcess(program, wanted, {
    onMessage: (message) => told.add({ message }),
    onNonsense: (nonsense) => told.add({ nonsense }),
    onEnd: (end) => told.add({ end }),
  });
  return running;
}

const STAY = "setInterval(() => undefined, 1000);";
const FLOOD = "for (;;) try { say(line); } catch (error) { if (error.code !== 'EAGAIN') process.exit(3); }";

describe("R14: the reader process", () => {
  test("is given its reader's name and commands, and is heard", async () => {
    const reader = run(
      `process.stdin.on("data", (line) => say(JSON.stringify({ type: "answer", id: JSON.parse(line).id, data: "9000" }) + "\\n"));
       say(JSON.stringify({ type: "bound", reader: process.argv[2] }) + "\\n");`,
      "ACS é",
    );
    await told.first(1);
    reader.send({ type: "apdu", card: 1, id: 7, data: "ffca000000" });
    expect(await told.first(2)).toEqual([
      { message: { type: "bound", reader: expect.stringContaining("ACS") } },
      { message: { type: "answer", id: 7, data: "9000" } },
    ]);
  });

  test("that ends with last words is heard before its end", async () => {
    run(`say('{"type":"unbound","reason":"missing: the driver"}\\n'); process.exit(1);`);
    expect(await told.first(2)).toEqual([
      { message: { type: "unbound", reason: "missing: the driver" } },
      { end: "ended with code 1" },
    ]);
  });

  test.each([
    ["no JSON", "reader ready"],
    ["nothing", ""],
    ["no object", "null"],
    ["an unknown message", '{"type":"open the relay"}'],
    ["a card without a number", '{"type":"card","card":"1","atr":"3b"}'],
    ["an answer that is no hex", '{"type":"answer","id":1,"data":"zz"}'],
    ["an answer of half a byte", '{"type":"answer","id":1,"data":"900"}'],
    ["an answer past any card's", JSON.stringify({ type: "answer", id: 1, data: "90".repeat(513) })],
    ["a reason of a megabyte's beginning", JSON.stringify({ type: "unbound", reason: "x".repeat(1_001) })],
  ])("that writes %s is not believed, and not listened to any longer", async (_, line) => {
    run(`say(${JSON.stringify(`${line}\n{"type":"alive"}\n`)}); ${STAY}`);
    expect(await told.first(1)).toEqual([{ nonsense: "what is no message" }]);
    running?.kill();
    await told.until(hasEnded);
    expect(told.all).toEqual([{ nonsense: "what is no message" }, { end: "was ended by SIGKILL" }]);
  });

  test.each([
    ["messages", `'{"type":"alive"}\\n'.repeat(10)`, /messages at once$/],
    ["one endless line", `"x".repeat(1000)`, /^a line of more than 8192 characters$/],
    ["lines without content", `"\\n".repeat(1000)`, /^what is no message$/],
  ])("that floods the agent with %s costs a bounded amount of memory", async (_, line, what) => {
    const before = process.memoryUsage().rss;
    run(`const line = ${line}; ${FLOOD}`);
    await told.until((all) => all.some((one) => "nonsense" in one));
    expect(told.all.find((one) => "nonsense" in one)?.nonsense).toMatch(what);
    expect(told.all.length).toBeLessThanOrEqual(251);
    expect(process.memoryUsage().rss - before).toBeLessThan(64e6);
  });

  test("that reads nothing and ignores every signal it can is killed", async () => {
    const reader = run(`for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => undefined);
      say('{"type":"alive"}\\n'); for (;;);`);
    await told.first(1);
    reader.send({ type: "apdu", card: 1, id: 1, data: "00" });
    reader.kill();
    await told.until(hasEnded);
    expect(told.all.at(-1)).toEqual({ end: "was ended by SIGKILL" });
  });

  test("that closed its ears is sent to without an error", async () => {
    const reader = run(`process.stdin.destroy(); say('{"type":"alive"}\\n'); ${STAY}`);
    await told.first(1);
    for (let id = 0; id < 50; id++) reader.send({ type: "apdu", card: 1, id, data: "00".repeat(255) });
    reader.kill();
    await told.until(hasEnded);
    reader.send({ type: "light", data: "00" });
    expect(told.all.at(-1)).toEqual({ end: "was ended by SIGKILL" });
  });
});
