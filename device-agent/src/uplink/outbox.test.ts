import { type RowPosition, type UsageRow, decodeUsagePacket } from "@badgekey/shared";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Events } from "../testing/events.js";
import { fakeJournal } from "../testing/fake-journal.js";
import { silentLog } from "../testing/silent-log.js";
import { testAuthority } from "../testing/test-certificates.js";
import { startTestBroker } from "./aedes-fixture.js";
import { mqttUplink } from "./mqtt-uplink.js";
import { createOutbox } from "./outbox.js";

const body = (n: number, length = 8): Uint8Array => {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(0, n);
  return bytes;
};
const sequences = (rows: readonly UsageRow[]): number[] => rows.map(({ sequence }) => sequence);

/** A pipe whose answers a test gives by hand, or at once. */
class FakePipe {
  connected = false;
  readonly packets = new Events<readonly UsageRow[]>();
  readonly open: { resolve: () => void; reject: (error: Error) => void }[] = [];
  answering = true;
  mostOpen = 0;

  publish(_topic: string, payload: Uint8Array): Promise<void> {
    if (!this.connected) return Promise.reject(new Error("not connected"));
    const answered = new Promise<void>((resolve, reject) => this.open.push({ resolve, reject }));
    this.mostOpen = Math.max(this.mostOpen, this.open.length);
    this.packets.add(decodeUsagePacket(payload));
    if (this.answering) queueMicrotask(() => this.open.shift()?.resolve());
    return answered;
  }

  get rows(): readonly UsageRow[] {
    return this.packets.all.flat();
  }
}

afterEach(() => {
  vi.useRealTimers();
});

describe("outbox", () => {
  test("sends what waits at the connection, then new rows as they come", async () => {
    const journal = fakeJournal();
    const uplink = new FakePipe();
    const outbox = createOutbox({ journal, uplink, log: silentLog() });
    await journal.append(Array.from({ length: 70 }, (_, n) => body(n)));
    outbox.rowsWritten();
    expect(uplink.packets.all).toEqual([]);
    uplink.connected = true;
    outbox.onConnected();
    await uplink.packets.first(3);
    expect(uplink.packets.all.map((rows) => rows.length)).toEqual([32, 32, 6]);
    await journal.append([body(70)]);
    outbox.rowsWritten();
    await uplink.packets.first(4);
    expect(sequences(uplink.rows)).toEqual(Array.from({ length: 71 }, (_, n) => n + 1));
    // The broker's word drops nothing.
    expect(await journal.pendingCount()).toBe(71);
    await outbox.close();
  });

  test("keeps a small window in flight", async () => {
    const journal = fakeJournal();
    const uplink = new FakePipe();
    uplink.answering = false;
    uplink.connected = true;
    const outbox = createOutbox({ journal, uplink, log: silentLog() });
    await journal.append(Array.from({ length: 1_000 }, (_, n) => body(n)));
    outbox.onConnected();
    await uplink.packets.first(4);
    uplink.open.shift()?.resolve();
    await uplink.packets.first(5);
    expect(uplink.mostOpen).toBe(4);
    await outbox.close();
  });

  test("starts from the last acknowledged row at every connection", async () => {
    const journal = fakeJournal();
    const uplink = new FakePipe();
    uplink.connected = true;
    const outbox = createOutbox({ journal, uplink, log: silentLog() });
    const head = await journal.append([body(1), body(2)]);
    outbox.onConnected();
    await uplink.packets.first(1);
    expect(await journal.acknowledge({ boot: head.boot, sequence: 2 }, head.chain)).toBe("dropped");
    await journal.append([body(3)]);
    outbox.rowsWritten();
    await uplink.packets.first(2);
    outbox.onDisconnected();
    outbox.onConnected();
    await uplink.packets.first(3);
    expect(uplink.packets.all.map(sequences)).toEqual([[1, 2], [3], [3]]);
    await outbox.close();
  });

  test("large rows travel in packets that the broker takes", async () => {
    const journal = fakeJournal();
    const uplink = new FakePipe();
    uplink.connected = true;
    await journal.append(Array.from({ length: 32 }, (_, n) => body(n, 4_096)));
    const outbox = createOutbox({ journal, uplink, log: silentLog() });
    outbox.onConnected();
    await uplink.packets.until((all) => all.flat().length === 32);
    expect(uplink.packets.all.map((rows) => rows.length)).toEqual([13, 13, 6]);
    await outbox.close();
  });

  test("after a refused packet everything is sent again in order, later", async () => {
    vi.useFakeTimers();
    const journal = fakeJournal();
    const uplink = new FakePipe();
    uplink.connected = true;
    uplink.answering = false;
    await journal.append(Array.from({ length: 100 }, (_, n) => body(n)));
    const outbox = createOutbox({ journal, uplink, log: silentLog() });
    outbox.onConnected();
    await uplink.packets.first(4);
    uplink.open[1]?.reject(new Error("no acknowledgement"));
    uplink.open[0]?.resolve();
    await journal.append([body(100)]);
    outbox.rowsWritten();
    await vi.advanceTimersByTimeAsync(4_999);
    expect(uplink.packets.all).toHaveLength(4);
    uplink.open.length = 0;
    uplink.answering = true;
    await vi.advanceTimersByTimeAsync(1);
    await uplink.packets.until((all) => all.slice(4).flat().length === 101);
    expect(sequences(uplink.packets.all.slice(4).flat())).toEqual(Array.from({ length: 101 }, (_, n) => n + 1));
    await outbox.close();
  });

  test("rows that no signature acknowledges are offered again, ever less often", async () => {
    vi.useFakeTimers();
    const journal = fakeJournal();
    const uplink = new FakePipe();
    uplink.connected = true;
    await journal.append([body(1)]);
    const outbox = createOutbox({ journal, uplink, log: silentLog(), resendAfterMs: 1_000 });
    outbox.onConnected();
    await uplink.packets.first(1);
    await vi.advanceTimersByTimeAsync(999);
    expect(uplink.packets.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    await uplink.packets.first(2);
    await vi.advanceTimersByTimeAsync(1_999);
    expect(uplink.packets.all).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    await uplink.packets.first(3);
    await outbox.close();
  });

  test("a journal that fails for a while loses nothing", async () => {
    vi.useFakeTimers();
    const journal = fakeJournal();
    const uplink = new FakePipe();
    uplink.connected = true;
    await journal.append([body(1)]);
    journal.fail();
    const outbox = createOutbox({ journal, uplink, log: silentLog() });
    outbox.onConnected();
    await vi.advanceTimersByTimeAsync(1);
    expect(uplink.packets.all).toEqual([]);
    journal.mend();
    await vi.advanceTimersByTimeAsync(5_000);
    await uplink.packets.first(1);
    await outbox.close();
  });

  test("whatever breaks in between, every row arrives, and first arrivals are in order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("append", "cut", "answer", "refuse", "rest"), { maxLength: 60 }),
        async (steps) => {
          const journal = fakeJournal();
          const uplink = new FakePipe();
          uplink.answering = false;
          const outbox = createOutbox({ journal, uplink, log: silentLog(), pauseMs: 0 });
          const connect = (connected: boolean): void => {
            uplink.connected = connected;
            for (const { reject } of uplink.open.splice(0)) reject(new Error("cut"));
            if (connected) outbox.onConnected();
            else outbox.onDisconnected();
          };
          let written = 0;
          connect(true);
          for (const step of steps) {
            if (step === "append") {
              await journal.append(Array.from({ length: 40 }, () => body(written++)));
              outbox.rowsWritten();
            }
            if (step === "cut") connect(!uplink.connected);
            if (step === "answer") uplink.open.shift()?.resolve();
            if (step === "refuse") uplink.open.shift()?.reject(new Error("refused"));
            if (step === "rest") await new Promise((resolve) => setImmediate(resolve));
          }
          connect(false);
          uplink.answering = true;
          connect(true);
          await uplink.packets.until((all) => new Set(sequences(all.flat())).size === written);
          await outbox.close();
          let newest = 0;
          for (const sequence of sequences(uplink.rows)) {
            if (sequence > newest + 1) return false;
            newest = Math.max(newest, sequence);
          }
          return newest === written;
        },
      ),
      { numRuns: 200 },
    );
  });

  test("a hundred thousand queued rows drain in order", async () => {
    const total = 100_000;
    const filler = { previous: new Uint8Array(32), salt: new Uint8Array(16), body: new Uint8Array(160) };
    let mostAsked = 0;
    const journal = {
      rowsAfter: (after: RowPosition | undefined, limit: number): Promise<readonly UsageRow[]> => {
        mostAsked = Math.max(mostAsked, limit);
        const first = (after?.sequence ?? 0) + 1;
        const count = Math.min(limit, total + 1 - first);
        return Promise.resolve(Array.from({ length: count }, (_, i) => ({ boot: 1, sequence: first + i, ...filler })));
      },
    };
    let next = 1;
    let inOrder = true;
    const done = new Events<number>();
    const uplink = {
      connected: true,
      publish: (_topic: string, payload: Uint8Array) => {
        for (const { sequence } of decodeUsagePacket(payload)) inOrder &&= sequence === next++;
        if (next > total) done.add(next);
        return Promise.resolve();
      },
    };
    const outbox = createOutbox({ journal, uplink, log: silentLog() });
    outbox.onConnected();
    await done.first(1);
    expect(inOrder).toBe(true);
    expect(next).toBe(total + 1);
    expect(mostAsked).toBe(32);
    await outbox.close();
  });

  test("through a real broker that is cut again and again, every row arrives", async () => {
    const authority = await testAuthority(Date.now());
    const broker = await startTestBroker(authority);
    const site = new Uint8Array(32).fill(5);
    const journal = fakeJournal({ site, agent: "laser-1" });
    const uplink = mqttUplink({
      host: "127.0.0.1",
      port: broker.port,
      tls: await authority.agent("laser-1"),
      agent: "laser-1",
      site,
      random: () => 0,
      log: silentLog(),
    });
    const outbox = createOutbox({ journal, uplink, log: silentLog() });
    uplink.start({
      onObject: () => undefined,
      onMessage: () => undefined,
      onConnected: () => outbox.onConnected(),
      onDisconnected: () => outbox.onDisconnected(),
    });
    const arrived = (): UsageRow[] => broker.received.all.flatMap(({ payload }) => [...decodeUsagePacket(payload)]);
    for (let round = 0; round < 5; round++) {
      await journal.append(Array.from({ length: 200 }, (_, n) => body(n, 100)));
      outbox.rowsWritten();
      await broker.received.until(() => arrived().length > round * 40);
      broker.cut();
    }
    await broker.received.until(() => new Set(sequences(arrived())).size === 1_000);
    await outbox.close();
    await uplink.close();
    await broker.close();
  });
});
