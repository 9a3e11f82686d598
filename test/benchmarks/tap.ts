import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import {
  type Card,
  type Journal,
  type Reader,
  type Relay,
  createAgent,
  openJournal,
  openLines,
  pcscReader,
  systemClock,
} from "@badgekey/device-agent";
import { DAY_MS, fromHex } from "@badgekey/shared";
import { type VirtualCard, ntagWithBadge, testSite, type4WithBadge } from "@badgekey/shared/testing";
import { Pcscd, READERS } from "../hardware/pcscd.js";
import { VPCD_PORTS, VpcdCard } from "../hardware/vpcd-card.js";
import { isInside, runInside } from "./inside.js";
import { machine, median, percentile, rounded } from "./statistics.js";

const RUNS = 5;
const TAPS = 60;
/** What a commit of one row writes at the least: one database page. */
const PAGE = Buffer.alloc(4096, 7);
/** The machine's clock is moved on between taps, so that none is the reader bouncing. */
const BETWEEN_TAPS_MS = 3_000;
const LONGEST_TAP_MS = 5000;
const MOST_DISTURBED = 20;

interface Tap {
  readonly totalMs: number;
  readonly apdus: number;
  readonly apduMs: number;
  readonly decisionMs: number;
  readonly commitMs: number;
  readonly relayMs: number;
  readonly syncMs: number;
}

/**
 * A tap from the card's arrival to the acknowledged permit, through pcscd and a virtual card, with the real loop,
 * journal and relay holder.
 */
export async function benchTap(): Promise<Readonly<Record<string, unknown>>> {
  if (!isInside()) return runInside("tap");
  const dir = mkdtempSync(path.join(os.tmpdir(), "badgekey-tap-"));
  const pcscd = await Pcscd.start();
  try {
    const ntag = await tapsOf(path.join(dir, "ntag"), (badge, uid) => ntagWithBadge("NTAG215", uid, badge));
    const type4 = await tapsOf(path.join(dir, "type4"), (badge, uid) => type4WithBadge({ uid, maxRead: 255 }, badge));
    const all = [...ntag.runs, ...type4.runs];
    const own = (tap: Tap) => Math.max(0, tap.totalMs - tap.apduMs - tap.syncMs);
    const over = (pick: (tap: Tap) => number, share: number) =>
      rounded(median(all.map((run) => percentile(run.map(pick), share))), 3);
    const figures = (pick: (tap: Tap) => number) => ({ p50Ms: over(pick, 0.5), p99Ms: over(pick, 0.99) });
    return {
      benchmark: "tap",
      machine: machine(),
      seed: "fixed keys and badge",
      runs: RUNS,
      tapsARun: TAPS,
      cards: 2,
      badgeBytes: ntag.badgeBytes,
      apdus: { type4: type4.apdus, ntag215: ntag.apdus },
      total: figures((tap) => tap.totalMs),
      cardIo: figures((tap) => tap.apduMs),
      decision: figures((tap) => tap.decisionMs),
      commit: figures((tap) => tap.commitMs),
      relay: figures((tap) => tap.relayMs),
      bareFdatasync: figures((tap) => tap.syncMs),
      ownWork: figures(own),
      ownWorkWithSync: figures((tap) => tap.totalMs - tap.apduMs),
      bars: { ownP50Ms: 5, type4Apdus: 6, ntag215Apdus: 12 },
      ok: over(own, 0.5) <= 5 && type4.apdus <= 6 && ntag.apdus <= 12,
    };
  } finally {
    await pcscd.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function tapsOf(dir: string, makeCard: (badge: Uint8Array, uid: Uint8Array) => VirtualCard) {
  const uid = fromHex("04e10cda993c80");
  const site = testSite({
    at: Date.now() - DAY_MS,
    machines: { "laser-1": { name: "Laser cutter", requires: [[{ training: 1, level: 2 }]], minAssurance: 2 } },
    capacity: 1 << 17,
  });
  const badge = site.badge({
    statusIndex: 0x12345,
    cardUid: uid,
    grants: [1, 2, 3, 4, 5, 6].map((training) => ({ training, level: 2, daysBefore: 0 })),
  });
  const card = makeCard(badge, uid);
  const measured = await startMeasured(dir, site);
  const apdus = new Set<number>();
  const runs: Tap[][] = [];
  for (let run = 0; run <= RUNS; run++) {
    const taps: Tap[] = [];
    while (taps.length < TAPS) {
      const tap = await measured.tap(card);
      if (!tap) continue; // the tap that ends the use
      apdus.add(tap.apdus);
      taps.push(tap);
    }
    if (run > 0) runs.push(taps); // the first warms up
  }
  await measured.stop();
  return { runs, apdus: Math.max(...apdus), badgeBytes: badge.length };
}

/** The agent as it runs on a Pi, but for the uplink, with stop-watches around its ports. */
async function startMeasured(dir: string, site: ReturnType<typeof testSite>) {
  const clock = systemClock();
  let skipped = 0;
  const moved = { ...clock, nowMs: () => clock.nowMs() + skipped };
  const stopWatch = { apdus: 0, apduMs: 0, commitMs: 0, relayMs: 0, decisionMs: 0, presentedAt: 0 };
  const timed = async <T>(field: "apduMs" | "commitMs" | "relayMs", work: Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    const result = await work;
    stopWatch[field] += performance.now() - startedAt;
    return result;
  };
  const pcsc = pcscReader({ name: READERS[0] });
  let wake: () => void = () => undefined;
  let fields = { present: false, ready: false };
  const reader: Reader = {
    start: (onEvent) =>
      pcsc.start((event) => {
        if (event.kind === "readerReady") fields = { ...fields, ready: true };
        if (event.kind === "cardRemoved") fields = { ...fields, present: false };
        if (event.kind === "cardPresented") {
          fields = { ...fields, present: true };
          Object.assign(stopWatch, { apdus: 0, apduMs: 0, commitMs: 0, relayMs: 0, presentedAt: performance.now() });
          onEvent({ ...event, card: timedCard(event.card, stopWatch, timed) });
        } else onEvent(event);
        wake();
      }),
    close: () => pcsc.close(),
  };
  const opened = await openJournal({ path: `${dir}.db`, site: site.site, agent: "laser-1", bootFloor: 1 });
  const journal: Journal = {
    append: (...args) => timed("commitMs", opened.journal.append(...args)),
    rowsAfter: (...args) => opened.journal.rowsAfter(...args),
    acknowledge: (...args) => opened.journal.acknowledge(...args),
    pendingCount: () => opened.journal.pendingCount(),
    watch: (onEvent) => opened.journal.watch(onEvent),
    close: () => opened.journal.close(),
  };
  const { relay: holder } = await openLines({ driver: "simulated" }, undefined, { scheduler: clock });
  holder.watch((reason) => console.error(`bench: ${reason}`));
  let closed: ((at: number) => void) | undefined;
  let relayClosed = false;
  const relay: Relay = {
    async permit(ms, what) {
      const startedAt = performance.now();
      await holder.permit(ms, what);
      if (what.relay === "closed" && !relayClosed) {
        relayClosed = true;
        stopWatch.relayMs = performance.now() - startedAt;
        closed?.(performance.now());
      }
    },
    async open() {
      await holder.open();
      relayClosed = false;
      wake();
    },
    watch: (onFault) => holder.watch(onFault),
    rewire: (wiring) => holder.rewire(wiring),
    close: () => holder.close(),
  };
  const trust = site.client();
  trust.setClock({ floorAt: Date.now(), floorMonotonicMs: moved.nowMs(), state: "synced", freshAt: Date.now() });
  const agent = createAgent({
    agent: "laser-1",
    software: "benchmark",
    signer: site.keys.agent,
    trust,
    store: { save: () => Promise.resolve(), saveClock: () => Promise.resolve() },
    opened: { ...opened, journal },
    readers: [reader],
    relay,
    screen: {
      show: () => wake(),
      decided: ({ decisionUs }) => (stopWatch.decisionMs = decisionUs / 1000),
      close: () => Promise.resolve(),
    },
    uplink: {
      start: () => undefined,
      connected: false,
      publish: () => Promise.reject(new Error("no network")),
      close: () => Promise.resolve(),
    },
    clock: moved,
    scheduler: clock,
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    log: { debug: () => undefined, info: () => undefined, warn: console.error, error: console.error },
    onDefect: (error) => {
      console.error(error);
      process.exit(1);
    },
  });
  await agent.start();
  const until = async (there: () => boolean) => {
    while (!there()) await new Promise<void>((resolve) => (wake = resolve));
  };
  await until(() => fields.ready);
  const file = openSync(`${dir}.sync`, "w");
  let disturbed = 0;
  const tap = async (virtual: VirtualCard): Promise<Tap | undefined> => {
    skipped += BETWEEN_TAPS_MS;
    const starts = !relayClosed;
    const done = new Promise<number>((resolve) => (closed = resolve));
    const inserted = await VpcdCard.insert(virtual, VPCD_PORTS[0]);
    let result: Tap | undefined;
    if (starts) {
      // On a busy machine a start may come too late, and is refused then: such a tap is no measurement.
      const closedAt = await inTime(done);
      if (closedAt === undefined) disturbed += 1;
      if (disturbed > MOST_DISTURBED) throw new Error(`${String(disturbed)} taps did not close the relay`);
      const { apdus, apduMs, decisionMs, commitMs, relayMs, presentedAt } = stopWatch;
      const syncedMs = syncMs(file);
      if (closedAt !== undefined) {
        result = { totalMs: closedAt - presentedAt, apdus, apduMs, decisionMs, commitMs, relayMs, syncMs: syncedMs };
      }
    } else await inTime(until(() => !relayClosed));
    await inserted.remove();
    await until(() => !fields.present);
    return result;
  };
  const stop = async () => {
    await agent.stop();
    closeSync(file);
  };
  return { tap, stop };
}

/** Undefined where it takes longer than any tap does. */
async function inTime<T>(work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), LONGEST_TAP_MS)));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function timedCard(
  card: Card,
  stopWatch: { apdus: number },
  timed: (field: "apduMs", work: Promise<Uint8Array>) => Promise<Uint8Array>,
): Card {
  return {
    presentation: card.presentation,
    reader: card.reader,
    atr: card.atr,
    transmit: (apdu) => {
      stopWatch.apdus++;
      return timed("apduMs", card.transmit(apdu));
    },
  };
}

/** One page written and forced to the disk: what any commit must wait for. */
function syncMs(file: number): number {
  const startedAt = performance.now();
  writeSync(file, PAGE, 0, PAGE.length, 0);
  fdatasyncSync(file);
  return performance.now() - startedAt;
}
