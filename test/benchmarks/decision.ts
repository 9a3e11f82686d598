import { createPublicKey, verify } from "node:crypto";
import { decodeSign1, fromHex, toBeSigned, verifyBadge } from "@badgekey/shared";
import { testSite } from "@badgekey/shared/testing";
import { machine, median, percentile, rounded } from "./statistics.js";

const RUNS = 5;
const WARM_UP = 3_000;
const ROUNDS = 10_000;

/**
 * All of verifyBadge on a standard badge, beside a bare crypto.verify with a cached key over the same bytes, turn by
 * turn.
 */
export function benchDecision(): Readonly<Record<string, unknown>> {
  const site = testSite({ capacity: 1 << 17 });
  const { state } = site.client();
  const badge = site.badge({
    statusIndex: 0x12345,
    cardUid: fromHex("04e10cda993c80"),
    grants: [1, 2, 3, 4, 5, 6].map((training) => ({ training, level: 2, daysBefore: 0 })),
  });
  const now = site.at + 1000;
  const sign1 = decodeSign1(badge);
  const message = toBeSigned(sign1.protectedBytes, sign1.payload as Uint8Array);
  const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), site.keys.issuer.publicKey]);
  const key = createPublicKey({ key: spki, format: "der", type: "spki" });

  const decide = () => verifyBadge(badge, state, now).ok;
  const bare = () => verify(null, message, key, sign1.signature);
  if (!decide() || !bare()) throw new Error("the benchmark's badge is refused");
  for (let i = 0; i < WARM_UP; i++) {
    decide();
    bare();
  }
  const runs = Array.from({ length: RUNS }, () => {
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      ours.push(timeUs(decide));
      theirs.push(timeUs(bare));
    }
    return { ours, theirs };
  });
  const figure = (pick: "ours" | "theirs", share: number) =>
    rounded(median(runs.map((run) => percentile(run[pick], share))));
  const decision = { p50Us: figure("ours", 0.5), p99Us: figure("ours", 0.99) };
  const bareVerify = { p50Us: figure("theirs", 0.5), p99Us: figure("theirs", 0.99) };
  return {
    benchmark: "decision",
    machine: machine(),
    seed: "fixed keys and badge",
    runs: RUNS,
    rounds: ROUNDS,
    badgeBytes: badge.length,
    decision,
    bareVerify,
    ratio: { p50: rounded(decision.p50Us / bareVerify.p50Us), p99: rounded(decision.p99Us / bareVerify.p99Us) },
    bars: { p50: 2, p99: 3 },
    ok: decision.p50Us <= 2 * bareVerify.p50Us && decision.p99Us <= 3 * bareVerify.p99Us,
  };
}

function timeUs(work: () => boolean): number {
  const before = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - before) / 1000;
}
