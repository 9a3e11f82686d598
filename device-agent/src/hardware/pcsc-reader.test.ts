import { fromHex } from "@badgekey/shared";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Card, CardGoneError, type Reader, type ReaderEvent } from "../ports.js";
import type { ReaderLauncher, ReaderProcessEvents } from "./pcsc-launch.js";
import type { ToReaderProcess } from "./pcsc-messages.js";
import { pcscReader } from "./pcsc-reader.js";

/** Reader processes that do what the test says. A killed one ends as the real one does. */
class FakeLauncher implements ReaderLauncher {
  readonly launched: { readonly wanted: string | undefined; readonly sent: ToReaderProcess[] }[] = [];
  reason: string | undefined;
  #events: ReaderProcessEvents | undefined;

  trouble(): Promise<string | undefined> {
    return Promise.resolve(this.reason);
  }

  launch(wanted: string | undefined, events: ReaderProcessEvents): ReturnType<ReaderLauncher["launch"]> {
    const sent: ToReaderProcess[] = [];
    this.launched.push({ wanted, sent });
    this.#events = events;
    return { send: (message) => sent.push(message), kill: () => events.onEnd("was ended by SIGKILL") };
  }

  get process(): ReaderProcessEvents {
    if (!this.#events) throw new Error("nothing was launched");
    return this.#events;
  }
}

let launcher: FakeLauncher;
let reader: Reader;
let events: ReaderEvent[];

beforeEach(() => {
  vi.useFakeTimers();
  launcher = new FakeLauncher();
  events = [];
  reader = pcscReader({ name: "ACS", launcher });
});
afterEach(async () => {
  await reader.close();
  vi.useRealTimers();
});

async function start(): Promise<void> {
  reader.start((event) => events.push(event));
  await vi.advanceTimersByTimeAsync(0);
}

function presentCard(card: number): Card {
  launcher.process.onMessage({ type: "card", card, atr: "3b80800101" });
  const event = events.at(-1);
  if (event?.kind !== "cardPresented") throw new Error("no card was presented");
  return event.card;
}

const reasons = (): string[] => events.flatMap((event) => (event.kind === "readerLost" ? [event.reason] : []));

test("a card is presented, asked and removed", async () => {
  await start();
  expect(launcher.launched.map(({ wanted }) => wanted)).toEqual(["ACS"]);
  launcher.process.onMessage({ type: "bound", reader: "ACS 00 00" });
  const card = presentCard(1);
  const answer = card.transmit(fromHex("ffca000000"));
  await vi.advanceTimersByTimeAsync(0);
  expect(launcher.launched[0]?.sent).toEqual([{ type: "apdu", card: 1, id: 1, data: "ffca000000" }]);
  launcher.process.onMessage({ type: "answer", id: 1, data: "9000" });
  expect(await answer).toEqual(fromHex("9000"));
  launcher.process.onMessage({ type: "gone", card: 1 });
  expect(events.map(({ kind }) => kind)).toEqual(["readerReady", "cardPresented", "cardRemoved"]);
  await expect(card.transmit(fromHex("ffca000000"))).rejects.toThrow(CardGoneError);
});

test("commands go one at a time, in order, and a late answer is dropped", async () => {
  await start();
  launcher.process.onMessage({ type: "bound", reader: "ACS 00 00" });
  const card = presentCard(1);
  const [first, second] = [card.transmit(fromHex("01")), card.transmit(fromHex("02"))];
  await vi.advanceTimersByTimeAsync(0);
  expect(launcher.launched[0]?.sent.map(({ data }) => data)).toEqual(["01"]);
  launcher.process.onMessage({ type: "failed", id: 1, message: "no connection to the card", gone: false });
  await expect(first).rejects.toThrow("no connection to the card");
  await vi.advanceTimersByTimeAsync(0);
  expect(launcher.launched[0]?.sent.map(({ data }) => data)).toEqual(["01", "02"]);
  launcher.process.onMessage({ type: "answer", id: 1, data: "aaaa" });
  launcher.process.onMessage({ type: "answer", id: 2, data: "9000" });
  expect(await second).toEqual(fromHex("9000"));
});

test("R14: a hanging command ends the process; losing the reader is not a removal", async () => {
  await start();
  launcher.process.onMessage({ type: "bound", reader: "ACS 00 00" });
  const card = presentCard(1);
  const answer = expect(card.transmit(fromHex("01"))).rejects.toThrow("no answer in 2000 ms");
  const queued = expect(card.transmit(fromHex("02"))).rejects.toThrow(CardGoneError);
  await vi.advanceTimersByTimeAsync(2000);
  await Promise.all([answer, queued]);
  expect(events.map(({ kind }) => kind)).toEqual(["readerReady", "cardPresented", "readerLost"]);
  expect(reasons()).toEqual(["hung: no answer from the reader in 2000 ms"]);
  await vi.advanceTimersByTimeAsync(250);
  expect(launcher.launched.length).toBe(2);
  launcher.process.onMessage({ type: "bound", reader: "ACS 00 01" });
  expect(presentCard(1).presentation).toBe(2);
});

test("R14: a process that falls silent is ended", async () => {
  await start();
  launcher.process.onMessage({ type: "bound", reader: "ACS 00 00" });
  await vi.advanceTimersByTimeAsync(4000);
  launcher.process.onMessage({ type: "alive" });
  await vi.advanceTimersByTimeAsync(4000);
  expect(reasons()).toEqual([]);
  await vi.advanceTimersByTimeAsync(1001);
  expect(reasons()).toEqual(["hung: the reader process was silent for 5000 ms"]);
});

test("R14: restarts back off to 5 s, and begin anew after 10 s of work", async () => {
  await start();
  for (const delayMs of [250, 500, 1000, 2000, 4000, 5000, 5000]) {
    const before = launcher.launched.length;
    launcher.process.onEnd("ended with code 1");
    await vi.advanceTimersByTimeAsync(delayMs - 1);
    expect(launcher.launched.length).toBe(before);
    await vi.advanceTimersByTimeAsync(1);
    expect(launcher.launched.length).toBe(before + 1);
  }
  expect(reasons()).toEqual(["failed: the reader process ended with code 1"]);
  launcher.process.onMessage({ type: "bound", reader: "ACS 00 00" });
  for (let second = 0; second < 10; second++) {
    await vi.advanceTimersByTimeAsync(1000);
    launcher.process.onMessage({ type: "alive" });
  }
  const before = launcher.launched.length;
  launcher.process.onEnd("ended with code 1");
  await vi.advanceTimersByTimeAsync(250);
  expect(launcher.launched.length).toBe(before + 1);
});

test("without pcscd nothing is launched, the reason is told once, and pcscd is found when it comes", async () => {
  launcher.reason = "service: pcscd does not listen";
  await start();
  await vi.advanceTimersByTimeAsync(5000);
  expect(launcher.launched).toEqual([]);
  expect(events).toEqual([{ kind: "readerLost", reader: "ACS", reason: "service: pcscd does not listen" }]);
  launcher.reason = undefined;
  await vi.advanceTimersByTimeAsync(500);
  launcher.process.onMessage({ type: "bound", reader: "ACS 00 00" });
  expect(events.at(-1)).toEqual({ kind: "readerReady", reader: "ACS 00 00" });
});

test("a choice that became ambiguous drops the card and the reader, not the process", async () => {
  await start();
  launcher.process.onMessage({ type: "bound", reader: "ACS 00 00" });
  const card = presentCard(1);
  launcher.process.onMessage({ type: "unbound", reason: "ambiguous: 2 readers fit" });
  await expect(card.transmit(fromHex("01"))).rejects.toThrow(CardGoneError);
  expect(events.at(-1)).toEqual({ kind: "readerLost", reader: "ACS 00 00", reason: "ambiguous: 2 readers fit" });
  launcher.process.onMessage({ type: "bound", reader: "ACS 00 00" });
  expect(presentCard(2).presentation).toBe(2);
  expect(launcher.launched.length).toBe(1);
});

test("a reason told by a dying process is not told again by its end", async () => {
  await start();
  launcher.process.onMessage({ type: "unbound", reason: "missing: nfc-pcsc does not load" });
  launcher.process.onEnd("ended with code 1");
  expect(reasons()).toEqual(["missing: nfc-pcsc does not load"]);
});

test("closing ends the process and reports nothing more", async () => {
  await start();
  launcher.process.onMessage({ type: "bound", reader: "ACS 00 00" });
  const told = events.length;
  await reader.close();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(events.length).toBe(told);
  expect(launcher.launched.length).toBe(1);
});

test("R14: a reader process that writes nonsense is ended at once and replaced; the card's dialogue ends", async () => {
  await start();
  launcher.process.onMessage({ type: "bound", reader: "ACS 00 00" });
  const answer = expect(presentCard(1).transmit(fromHex("01"))).rejects.toThrow(CardGoneError);
  await vi.advanceTimersByTimeAsync(0);
  launcher.process.onNonsense("what is no message");
  await answer;
  expect(reasons()).toEqual(["failed: the reader process wrote what is no message"]);
  await vi.advanceTimersByTimeAsync(250);
  expect(launcher.launched.length).toBe(2);
});

test("R14: a killed reader process in mid-dialogue: the card is gone, no removal is told, a new process starts", async () => {
  await start();
  launcher.process.onMessage({ type: "bound", reader: "ACS 00 00" });
  const answer = expect(presentCard(1).transmit(fromHex("01"))).rejects.toThrow(CardGoneError);
  await vi.advanceTimersByTimeAsync(0);
  launcher.process.onEnd("was ended by SIGKILL");
  await answer;
  expect(events.map(({ kind }) => kind)).toEqual(["readerReady", "cardPresented", "readerLost"]);
  await vi.advanceTimersByTimeAsync(250);
  expect(launcher.launched.length).toBe(2);
});

describe("the reader's own light", () => {
  const lights = () =>
    launcher.launched.map(({ sent }) => sent.flatMap((message) => (message.type === "light" ? [message.data] : [])));
  const [yellow, green, red] = ["ff00400f0400000000", "ff00400e0400000000", "ff00400d0400000000"];
  const bind = () => launcher.process.onMessage({ type: "bound", reader: "ACS ACR122U 00 00" });
  const shown = (ok = true) => launcher.process.onMessage({ type: "shown", ok });

  test("follows the signals, the newest first, at most four times a second, and each once", async () => {
    await start();
    reader.show?.("reading");
    bind();
    expect(lights()).toEqual([[yellow]]);
    reader.show?.("refused");
    reader.show?.("enabled");
    reader.show?.("enabled");
    shown();
    expect(lights()).toEqual([[yellow]]);
    await vi.advanceTimersByTimeAsync(250);
    expect(lights()).toEqual([[yellow, green]]);
    shown();
    await vi.advanceTimersByTimeAsync(2_000);
    reader.show?.("enabled");
    expect(lights()).toEqual([[yellow, green]]);
  });

  test("is set again on a reader that came back", async () => {
    await start();
    bind();
    reader.show?.("outOfService");
    shown();
    launcher.process.onEnd("was ended by SIGKILL");
    await vi.advanceTimersByTimeAsync(250);
    bind();
    expect(lights()).toEqual([[red], [red]]);
  });

  test("is let be where the reader refuses it, until it is bound anew", async () => {
    await start();
    bind();
    reader.show?.("enabled");
    shown(false);
    await vi.advanceTimersByTimeAsync(250);
    reader.show?.("outOfService");
    await vi.advanceTimersByTimeAsync(2_000);
    expect(lights()).toEqual([[green]]);
    bind();
    expect(lights()).toEqual([[green, red]]);
  });

  test("R14: a reader that hangs over its light twice is never asked again, and reads cards", async () => {
    await start();
    reader.show?.("enabled");
    for (let round = 0; round < 2; round++) {
      bind();
      launcher.process.onEnd("ended with code 1");
      await vi.advanceTimersByTimeAsync(5_000);
    }
    bind();
    reader.show?.("refused");
    await vi.advanceTimersByTimeAsync(2_000);
    expect(lights()).toEqual([[green], [green], []]);
    expect(presentCard(1).presentation).toBe(1);
  });

  test("does nothing on a reader without one, or after the end", async () => {
    await start();
    launcher.process.onMessage({ type: "bound", reader: "Identiv uTrust 3700 F 00 00" });
    reader.show?.("enabled");
    await reader.close();
    reader.show?.("refused");
    expect(lights()).toEqual([[]]);
  });
});
