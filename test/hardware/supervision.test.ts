import { CardError, readCard } from "@badgekey/device-agent";
import { fromHex } from "@badgekey/shared";
import { type4WithBadge, virtualPhone } from "@badgekey/shared/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Field, readerProcesses } from "./field.js";
import { Pcscd, READERS } from "./pcscd.js";

const badge = Uint8Array.from({ length: 143 }, (_, i) => (i * 13 + 5) & 0xff);
const cardWith = (last: number): ReturnType<typeof type4WithBadge> =>
  type4WithBadge({ uid: Uint8Array.of(4, 1, 2, 3, 4, 5, last) }, badge);
let pcscd: Pcscd;

beforeEach(async () => {
  pcscd = await Pcscd.start();
});
afterEach(() => pcscd.stop());

async function expectTapToWork(field: Field): Promise<void> {
  expect((await field.tap(cardWith(9), (card) => readCard(card))).badge).toEqual(badge);
}

describe("R14: the reader gone and back", () => {
  test.each(["SIGTERM", "SIGKILL"] as const)("pcscd ended by %s", async (signal) => {
    await using field = Field.start();
    expect((await field.next("readerReady")).reader).toBe(READERS[0]);
    await expectTapToWork(field);
    await pcscd.kill(signal);
    const lost = await field.next("readerLost");
    expect(lost.reader).toBe(READERS[0]);
    expect(lost.reason).toMatch(/^service: pcscd /);
    await pcscd.resume();
    let ready = await field.next("readerLost", "readerReady");
    while (ready.kind !== "readerReady") ready = await field.next("readerLost", "readerReady");
    await expectTapToWork(field);
  });

  test("no pcscd at the start, one later", async () => {
    await pcscd.kill("SIGKILL");
    await using field = Field.start();
    expect((await field.next("readerLost")).reason).toMatch(/^service: pcscd does not listen at .*pcscd\.socket$/);
    await pcscd.resume();
    await field.next("readerReady");
    await expectTapToWork(field);
  });

  test("the reader process killed with a card in its field: no removal, no tap until the card was away (R6)", async () => {
    await using field = Field.start();
    await field.next("readerReady");
    const [pid = 0] = readerProcesses();
    await using watcher = Field.start();
    await watcher.next("readerReady");
    const lying = await field.insert(cardWith(1));
    const { card } = await field.next("cardPresented");
    await watcher.next("cardPresented");
    process.kill(pid, "SIGKILL");
    expect((await field.next("readerLost")).reason).toBe("failed: the reader process was ended by SIGKILL");
    await expect(readCard(card)).rejects.toMatchObject({ code: "CARD_UNREADABLE" });
    await field.next("readerReady");
    await field.next("cardFound");
    await lying.remove();
    await watcher.next("cardRemoved");
    await expectTapToWork(field);
  });

  test("a card that never answers costs the reader process, not the agent", async () => {
    await using field = Field.start(0, { name: READERS[0], apduTimeoutMs: 400 });
    await field.next("readerReady");
    const silent = await field.insert(cardWith(1), (n) => (n === 3 ? { kind: "silence" } : undefined));
    const { card } = await field.next("cardPresented");
    const failure: unknown = await readCard(card).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CardError);
    expect((await field.next("readerLost")).reason).toBe("hung: no answer from the reader in 400 ms");
    await silent.remove();
    await field.next("readerReady");
    await expectTapToWork(field);
  });

  test("a reader process stopped dead is noticed by its silence", async () => {
    await using field = Field.start();
    await field.next("readerReady");
    const [pid = 0] = readerProcesses();
    process.kill(pid, "SIGSTOP");
    expect((await field.next("readerLost")).reason).toBe("hung: the reader process was silent for 5000 ms");
    await field.next("readerReady");
    expect(readerProcesses()).not.toContain(pid);
    await expectTapToWork(field);
  });

  test.each(["SIGKILL", "SIGSTOP"] as const)(
    "the reader process met by %s in mid-dialogue: the dialogue ends, the next reader process serves the next tap",
    async (signal) => {
      await using field = Field.start(0, { name: READERS[0], apduTimeoutMs: 400 });
      await field.next("readerReady");
      const [pid = 0] = readerProcesses();
      const lying = await field.insert(cardWith(1), (n) => {
        if (n === 3) process.kill(pid, signal);
        return undefined;
      });
      const { card } = await field.next("cardPresented");
      await expect(readCard(card)).rejects.toMatchObject({ code: "CARD_UNREADABLE" });
      expect((await field.next("readerLost")).reason).toBe(
        signal === "SIGKILL"
          ? "failed: the reader process was ended by SIGKILL"
          : "hung: no answer from the reader in 400 ms",
      );
      await lying.remove();
      await field.next("readerReady");
      expect(readerProcesses()).not.toContain(pid);
      await expectTapToWork(field);
    },
  );

  test("pcscd killed in mid-dialogue: the dialogue ends, and pcscd is found when it is back", async () => {
    await using field = Field.start();
    await field.next("readerReady");
    let dead: Promise<void> | undefined;
    await field.insert(cardWith(1), (n) => {
      if (n === 3) dead = pcscd.kill("SIGKILL");
      return n >= 3 ? { kind: "silence" } : undefined;
    });
    const { card } = await field.next("cardPresented");
    await expect(readCard(card)).rejects.toMatchObject({ code: "CARD_UNREADABLE" });
    await dead;
    await pcscd.resume();
    let event = await field.next("readerLost", "readerReady", "cardRemoved");
    while (event.kind !== "readerReady") event = await field.next("readerLost", "readerReady", "cardRemoved");
    await expectTapToWork(field);
  });

  test("pcscd that hangs is noticed although no card is there, and is served when it goes on", async () => {
    await using field = Field.start();
    await field.next("readerReady");
    pcscd.signal("SIGSTOP");
    expect((await field.next("readerLost")).reason).toMatch(/^service: pcscd does not answer at /);
    pcscd.signal("SIGCONT");
    await field.next("readerReady");
    await expectTapToWork(field);
  });

  test("a reader whose light cannot be had reads cards as before", async () => {
    await pcscd.stop();
    pcscd = await Pcscd.start("ACS ACR122U Virtual");
    await using field = Field.start(0, { name: "ACS ACR122U Virtual 00 00" });
    await field.next("readerReady");
    field.show("enabled");
    await expectTapToWork(field);
    field.show("refused");
    await expectTapToWork(field);
    expect(field.pending).toBe(0);
  });

  test("closing leaves no process behind", async () => {
    const field = Field.start();
    await field.next("readerReady");
    await field.close();
    expect(readerProcesses()).toEqual([]);
  });
});

describe("R6: a card that lies there at the start", () => {
  test("counts for nothing until it has been away", async () => {
    await using before = Field.start();
    await before.next("readerReady");
    const lying = await before.insert(cardWith(1));
    await before.next("cardPresented");
    await using field = Field.start();
    await field.next("readerReady");
    await field.next("cardFound");
    await lying.remove();
    await before.next("cardRemoved");
    await field.insert(cardWith(2));
    const { card } = await field.next("cardPresented");
    expect(card.presentation).toBe(1);
    expect((await readCard(card)).uid).toEqual(cardWith(2).uid);
  });
});

describe("two readers", () => {
  test("each agent is bound to its own by name and hears nothing of the other", async () => {
    await using left = Field.start(0);
    await using right = Field.start(1);
    await Promise.all([left.next("readerReady"), right.next("readerReady")]);
    for (let tap = 0; tap < 10; tap++) {
      const both = await Promise.all([
        left.tap(cardWith(1), (card) => readCard(card)),
        right.tap(cardWith(2), (card) => readCard(card)),
      ]);
      expect(both.map(({ uid }) => uid)).toEqual([cardWith(1).uid, cardWith(2).uid]);
    }
    await expectTapToWork(right);
    expect(left.pending).toBe(0);
  });

  test("without a name the choice is refused, and says how to make it", async () => {
    await using field = Field.start(0, {});
    const { reason } = await field.next("readerLost");
    expect(reason).toMatch(
      /^ambiguous: 2 readers fit \("Virtual PCD 00 00", "Virtual PCD 00 01"\); put .* configuration$/,
    );
    const ignored = await field.insert(virtualPhone(fromHex("08aabbcc")));
    await using named = Field.start(1);
    await named.next("readerReady");
    await expectTapToWork(named);
    await ignored.remove();
    expect(field.pending).toBe(0);
  });

  test("a name that fits none is told with the names that are there", async () => {
    await using field = Field.start(0, { name: "ACS ACR122U" });
    const { reason } = await field.next("readerLost");
    expect(reason).toBe(`absent: no reader is named "ACS ACR122U"; connected: "${READERS[0]}", "${READERS[1]}"`);
  });
});
