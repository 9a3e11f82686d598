import { describe, expect, test } from "vitest";
import { type AgentBench, OTHER_UID, UID, startBench } from "./agent-fixture.js";
import { readCard } from "./presentation/read-card.js";
import { settle } from "./testing/fake-clock.js";

async function connected(): Promise<AgentBench> {
  const bench = await startBench();
  bench.uplink.connect();
  await settle();
  return bench;
}

describe("card jobs", () => {
  test("the next card is read, and is no tap", async () => {
    const bench = await connected();
    await bench.order({ kind: "readCard", job: "job-1", seconds: 30 });
    expect(bench.screen.text).toContain("Lay the card on the reader");
    bench.reader.insert(bench.card(bench.badge()));
    await settle();
    expect(bench.screen.text).toBe("Card read — Take the card away");
    expect(bench.records.at(-1)).toMatchObject({ kind: "cardRead", job: "job-1", uid: UID, command: 1 });
    expect(bench.records.at(-1)?.code).toBeUndefined();
    expect([bench.relay.closures, bench.screen.decisions]).toEqual([0, []]);
    await bench.pass(6_000);
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
  });

  test("a badge is written to the card it is meant for, and opens the machine from there", async () => {
    const bench = await connected();
    const badge = bench.badge({ cardUid: UID });
    const card = bench.blank(UID);
    await bench.order({ kind: "writeCard", job: "job-2", badge, uid: UID, seconds: 30 });
    bench.reader.insert(card);
    await settle();
    expect(bench.screen.text).toBe("Card written — Take the card away");
    expect(bench.records.at(-1)).toMatchObject({ kind: "cardWritten", job: "job-2", uid: UID });
    bench.reader.remove();
    bench.reader.insert(card);
    await settle();
    expect(bench.relay.position()).toBe("closed");
  });

  test("another card is left as it was", async () => {
    const bench = await connected();
    const card = bench.card(bench.badge({ holder: "zzzzzzzz" }), OTHER_UID);
    const before = card.snapshot();
    await bench.order({ kind: "writeCard", job: "job-3", badge: bench.badge(), uid: UID, seconds: 30 });
    bench.reader.insert(card);
    await settle();
    expect(bench.told.at(-1)).toBe("cardWritten CARD_MISMATCH");
    expect(bench.screen.text).toContain("Another card is expected");
    expect(card.snapshot()).toEqual(before);
  });

  test("a card lifted in the middle of the write may come back while the job waits", async () => {
    const bench = await connected();
    const badge = bench.badge({ cardUid: UID });
    const card = bench.blank(UID);
    await bench.order({ kind: "writeCard", job: "job-4", badge, uid: UID, seconds: 30 });
    bench.reader.insert(card, { pulledAt: 7 });
    await settle();
    expect(bench.screen.text).toBe("Tap again — The card was lifted too early — Hold it still");
    bench.reader.insert(card);
    await settle();
    expect(bench.told.slice(-1)).toEqual(["cardWritten"]);
    bench.reader.remove();
    const fake = {
      presentation: 1,
      reader: "r",
      atr: card.atr,
      transmit: (apdu: Uint8Array) => Promise.resolve(card.apdu(apdu)),
    };
    card.reset();
    expect((await readCard(fake)).badge).toEqual(badge);
  });

  test("no card in time ends the job with a code, and taps are taps again", async () => {
    const bench = await connected();
    await bench.order({ kind: "readCard", job: "job-5", seconds: 5 });
    await bench.pass(5_200);
    expect(bench.told.at(-1)).toContain("CARD_UNREADABLE");
    expect(bench.records.at(-1)).toMatchObject({ kind: "cardRead", job: "job-5" });
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
  });

  test("a newer job takes the place of the one that waits", async () => {
    const bench = await connected();
    await bench.order({ kind: "readCard", job: "job-6", seconds: 30 });
    await bench.order({ kind: "readCard", job: "job-7", seconds: 30 });
    bench.reader.insert(bench.blank());
    await settle();
    const jobs = bench.records.filter(({ kind }) => kind === "cardRead").map(({ job, code }) => [job, code]);
    expect(jobs).toEqual([
      ["job-6", "CARD_UNREADABLE"],
      ["job-7", undefined],
    ]);
  });
});

describe("a card job while a card is being written", () => {
  /** A dialogue that goes on until the test lets it end. */
  async function writing(): Promise<{ bench: AgentBench; finish: () => void; written: number }> {
    let finish: () => void = () => undefined;
    const seen = { written: 0 };
    const bench = await startBench({
      deps: () => ({
        presentation: {
          readCard: () => Promise.reject(new Error("no tap was meant")),
          readUid: () => Promise.resolve(UID),
          writeBadge: async () => {
            seen.written += 1;
            await new Promise<void>((resolve) => (finish = resolve));
            return { uid: UID };
          },
        },
      }),
    });
    bench.uplink.connect();
    await settle();
    await bench.order({ kind: "writeCard", job: "job-1", badge: bench.badge(), seconds: 2 });
    bench.reader.insert(bench.blank());
    await settle();
    return {
      bench,
      finish: () => finish(),
      get written() {
        return seen.written;
      },
    };
  }

  test("its time runs out: the card was written, and that is what is told", async () => {
    const { bench, finish } = await writing();
    await bench.pass(2_500);
    finish();
    await settle();
    expect(bench.records.filter(({ job }) => job === "job-1")).toMatchObject([{ kind: "cardWritten", uid: UID }]);
    expect(bench.records.find(({ job }) => job === "job-1")?.code).toBeUndefined();
  });

  test("another job is ordered: it begins when the card is written", async () => {
    const { bench, finish } = await writing();
    await bench.order({ kind: "readCard", job: "job-2", seconds: 30 });
    finish();
    await settle();
    expect(bench.records.filter(({ job }) => job).map(({ kind, job, code }) => [kind, job, code])).toEqual([
      ["cardWritten", "job-1", undefined],
    ]);
    bench.reader.insert(bench.blank());
    await settle();
    expect(bench.records.at(-1)).toMatchObject({ kind: "cardRead", job: "job-2" });
  });

  test("a card on another reader is neither written nor a tap", async () => {
    const writer = await writing();
    const { bench, finish } = writer;
    bench.reader.insert(bench.blank(OTHER_UID));
    await settle();
    expect(writer.written).toBe(1);
    finish();
    await settle();
    expect(bench.records.filter(({ kind }) => kind === "cardWritten")).toHaveLength(1);
    expect(bench.screen.decisions).toEqual([]);
  });
});
