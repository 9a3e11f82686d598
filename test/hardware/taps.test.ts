import { setImmediate as nextTurn } from "node:timers/promises";
import { type Card, CardError, readCard } from "@badgekey/device-agent";
import { sameBytes } from "@badgekey/shared";
import { type VirtualCard, ntagWithBadge, type4WithBadge } from "@badgekey/shared/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Field, readerProcesses, sizeOf } from "./field.js";
import { Pcscd } from "./pcscd.js";

const TAPS = 500;
const WARM_UP = 100;
const badge = Uint8Array.from({ length: 143 }, (_, i) => (i * 13 + 5) & 0xff);
/** Ten seconds as it is; should fast-polling.c not fit a later pcscd, a tap takes 0.9 s. */
const TIMEOUT_MS = 900_000;
let pcscd: Pcscd;

beforeAll(async () => {
  pcscd = await Pcscd.start();
});
afterAll(() => pcscd.stop());

function cardOf(tap: number): VirtualCard {
  const uid = Uint8Array.of(0x04, 0, 0, 0, 0, tap >> 8, tap & 0xff);
  return tap % 2 ? ntagWithBadge("NTAG215", uid, badge) : type4WithBadge({ uid }, badge);
}

test(`${TAPS} taps in a row, without leak or crash`, { timeout: TIMEOUT_MS }, async () => {
  await using field = Field.start();
  await field.next("readerReady");
  const [pid = 0, ...others] = readerProcesses();
  expect(others).toEqual([]);
  let warm = sizeOf(pid);
  for (let tap = 1; tap <= TAPS; tap++) {
    const virtual = cardOf(tap);
    const { presentation, contents } = await field.tap(virtual, async (card) => {
      return { presentation: card.presentation, contents: await readCard(card) };
    });
    expect(presentation).toBe(tap);
    expect(contents.uid).toEqual(virtual.uid);
    expect(contents.badge).toEqual(badge);
    if (tap === WARM_UP) warm = sizeOf(pid);
  }
  expect(readerProcesses()).toEqual([pid]);
  const { residentKb, openFiles } = sizeOf(pid);
  console.info(`${TAPS} taps: ${warm.residentKb} kB after ${WARM_UP}, ${residentKb} kB in the end, ${openFiles} files`);
  expect(openFiles).toBeLessThanOrEqual(warm.openFiles);
  expect(residentKb).toBeLessThan(warm.residentKb + 10_000);
});

test("a card swapped for another without a pause is read as the other", async () => {
  await using field = Field.start();
  await field.next("readerReady");
  for (let tap = 0; tap < 20; tap++) {
    const [first, second] = [cardOf(2 * tap), cardOf(2 * tap + 2)];
    const before = await field.insert(first);
    let { card } = await field.next("cardPresented");
    await before.remove();
    const after = await field.insert(second);
    // pcscd polls: it may have noticed the gap, or believe that the first card lies there still.
    while (!(await showsUid(card, second.uid))) {
      await nextTurn();
      if (field.pending === 0) continue;
      await field.next("cardRemoved");
      ({ card } = await field.next("cardPresented"));
    }
    await after.remove();
    await field.next("cardRemoved");
  }
});

async function showsUid(card: Card, uid: Uint8Array): Promise<boolean> {
  try {
    return sameBytes((await readCard(card)).uid, uid);
  } catch (error) {
    if (error instanceof CardError) return false;
    throw error;
  }
}
