import { readdirSync, rmSync } from "node:fs";
import { setTimeout as after } from "node:timers/promises";
import { parseArgs } from "node:util";
import { ntagWithBadge } from "@badgekey/shared/testing";
import { startSoak } from "./soak-site.js";
import { machine, rounded } from "./statistics.js";

/** `npm run soak -- --minutes N`: a day of taps in at most N minutes; memory and file descriptors must stay flat. */
const HOUR_MS = 3_600_000;
const SIMULATED_MS = 24 * HOUR_MS;
const TICK_MS = 150;
/** A tap every twelve seconds: a day in which the machine is never left alone. */
const TAP_EVERY_MS = 12_000;
const SAMPLE_EVERY_MS = HOUR_MS / 6;
/** What starts once and stays: caches, code that gets compiled. */
const WARM_UP_MS = 2 * HOUR_MS;
const MOST_MB_PER_HOUR = 1;
const NOISE_MB = 10;
const SEED = 7;
/** Milliseconds of real waiting before simulated time is moved on. */
const PATIENCE = 500;

interface Sample {
  readonly hours: number;
  readonly heapMb: number;
  readonly residentMb: number;
  readonly descriptors: number;
}

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "30" }, json: { type: "boolean", default: false } },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) {
  console.error("soak: error: --minutes is the longest real time, such as 30");
  process.exit(2);
}
if (!global.gc) throw new Error("run with --expose-gc");

const startedAt = performance.now();
const soak = await startSoak();
const random = seeded(SEED);
const people = Array.from({ length: 12 }, (_, index) => {
  const uid = Uint8Array.of(4, 1, 2, 3, 4, 5, index);
  // Every fourth holds another training: refused.
  const grants = [{ training: index % 4 === 3 ? 2 : 1, level: 2 as const, daysBefore: 0 }];
  const holder = `perso${String(100 + index)}`;
  return { uid, badge: soak.site.badge({ cardUid: uid, statusIndex: index, holder, grants }) };
});
const samples: Sample[] = [];
const verdicts = new Map<string, number>();
const beganMs = soak.clock.nowMs();
let taps = 0;
let version = 1;
let sampledMs = beganMs - SAMPLE_EVERY_MS;
let tappedMs = beganMs;

while (soak.clock.nowMs() - beganMs < SIMULATED_MS && performance.now() - startedAt < minutes * 60_000) {
  const nowMs = soak.clock.nowMs();
  if (nowMs - sampledMs >= SAMPLE_EVERY_MS) {
    sampledMs = nowMs;
    samples.push(sample(nowMs - beganMs));
    soak.pipe.withdraw(900, ++version);
    soak.pipe.reconnect();
  }
  if (nowMs - tappedMs >= TAP_EVERY_MS) {
    tappedMs = nowMs;
    await tap();
  }
  const stepped = soak.stepped();
  await soak.clock.advance(TICK_MS);
  await stepped;
}

const hours = (soak.clock.nowMs() - beganMs) / HOUR_MS;
const realMinutes = (performance.now() - startedAt) / 60_000;
await stopSoak();
// The first hours warm up, but a short run has nothing else to show.
const measured = samples.filter((one) => one.hours * HOUR_MS >= Math.min(WARM_UP_MS, (hours * HOUR_MS) / 3));
const figures = {
  heapMbPerHour: rounded(
    slope(measured, ({ heapMb }) => heapMb),
    3,
  ),
  residentMbPerHour: rounded(
    slope(measured, ({ residentMb }) => residentMb),
    3,
  ),
  descriptorsPerHour: rounded(
    slope(measured, ({ descriptors }) => descriptors),
    3,
  ),
};
// Over a few hours a slope is noise: there the whole growth must stay small.
const span = (measured.at(-1)?.hours ?? 0) - (measured[0]?.hours ?? 0);
const allowed = Math.max(MOST_MB_PER_HOUR, NOISE_MB / span);
const isFlat =
  figures.heapMbPerHour < allowed &&
  figures.residentMbPerHour < allowed &&
  Math.abs(figures.descriptorsPerHour) < Math.max(0.5, 4 / span);
const result = {
  benchmark: "soak",
  machine: machine(),
  seed: SEED,
  simulatedHours: rounded(hours),
  realMinutes: rounded(realMinutes),
  taps,
  verdicts: Object.fromEntries(verdicts),
  rowsDelivered: soak.pipe.rows,
  ...figures,
  first: measured[0],
  last: measured.at(-1),
  bars: { mbPerHour: MOST_MB_PER_HOUR, descriptorsPerHour: 0.5, simulatedHours: 24, realMinutes: 30 },
  // A run cut short by --minutes still tells slopes, but of fewer hours.
  ok: isFlat && taps > 0 && (hours >= 24 || realMinutes >= minutes),
};
console.log(values.json ? JSON.stringify(result) : JSON.stringify(result, null, 2));
process.exit(result.ok ? 0 : 1);

async function tap(): Promise<void> {
  const person = people[Math.floor(random() * people.length)] as (typeof people)[number];
  const before = soak.screen.decisions;
  // Every tenth card is pulled away in the middle.
  const pulled = random() < 0.1 ? { pulledAt: 1 + Math.floor(random() * 5) } : {};
  soak.reader.insert(ntagWithBadge("NTAG215", person.uid, person.badge), pulled);
  // Simulated time stands still while real disk and real holder work; only what waits for time itself needs it to pass.
  for (let waits = 0; soak.screen.decisions === before; waits++) {
    if (waits >= PATIENCE) await soak.clock.advance(50);
    await after(1);
  }
  soak.reader.remove();
  taps += 1;
  verdicts.set(soak.screen.code, (verdicts.get(soak.screen.code) ?? 0) + 1);
}

function sample(elapsedMs: number): Sample {
  global.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  const mb = (bytes: number) => rounded(bytes / 2 ** 20, 2);
  return {
    hours: rounded(elapsedMs / HOUR_MS, 3),
    heapMb: mb(heapUsed),
    residentMb: mb(rss),
    descriptors: readdirSync("/proc/self/fd").length,
  };
}

/** Least squares over the simulated hours. */
function slope(of: readonly Sample[], value: (sample: Sample) => number): number {
  const mean = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
  const [x, y] = [mean(of.map(({ hours }) => hours)), mean(of.map(value))];
  const over = of.reduce((sum, one) => sum + (one.hours - x) * (value(one) - y), 0);
  const under = of.reduce((sum, one) => sum + (one.hours - x) ** 2, 0);
  return under === 0 ? Number.NaN : over / under;
}

async function stopSoak(): Promise<void> {
  const stopped = soak.agent.stop();
  const stopping = setInterval(() => void soak.clock.advance(50), 1);
  await stopped;
  clearInterval(stopping);
  rmSync(soak.folder, { recursive: true, force: true });
}

/** Mulberry32: small, and the same in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
