import { performance } from "node:perf_hooks";
import {
  type CborValue,
  DecodeError,
  badgeCodes,
  decodeCodes,
  decodeSign1,
  decodeStatusList,
  decodeStrict,
  encodeDeterministic,
  isCborMap,
  toHex,
  trustCodes,
} from "@badgekey/shared";
import { type FuzzCase, mutateBytes, mutateStructure } from "./mutate.js";
import { disagreement } from "./oracle.js";
import { Random } from "./random.js";
import type { Target } from "./target.js";
import { targets } from "./targets.js";

export interface FuzzResult {
  readonly cases: number;
  readonly perTarget: number;
  readonly accepted: number;
  readonly markedValid: number;
  readonly slowestMs: number;
  /** How often each code came out, over all targets. */
  readonly codes: Readonly<Record<string, number>>;
  /** Codes that these targets can give and that never came. */
  readonly missing: readonly string[];
  /** What must be empty: wrong verdicts, disagreements with the oracle, crashes. At most 20 are kept. */
  readonly failures: readonly string[];
}

/**
 * Not within reach of bytes alone in these targets: size and NDEF limits have their own tests, the rest needs a
 * history.
 */
const elsewhere = new Set([
  "STATUS_LIST_TOO_LARGE",
  "STATUS_INDEX_OUT_OF_RANGE",
  "NDEF_MALFORMED",
  "NDEF_TOO_LARGE",
  "TYPE2_MALFORMED",
  "TYPE4_MALFORMED",
  "LIST_NOT_ANNOUNCED",
  "NONCE_UNKNOWN",
  "COMMAND_REPLAYED",
  "COMMAND_REFUSED",
]);

/** The layers below are looked at alone in one case of so many of either kind: their codes are counted, not judged. */
const DECODING_EVERY = 16;

/** Mutates every target of a share `perTarget` times, half of them structurally and signed again. */
export function runFuzz(
  perTarget: number,
  seed: number,
  progress: (line: string) => void,
  share: { readonly index: number; readonly of: number } = { index: 0, of: 1 },
): FuzzResult {
  const codes: Record<string, number> = {};
  const failures: string[] = [];
  let [accepted, markedValid, slowestMs, cases] = [0, 0, 0, 0];
  const fail = (target: Target, one: FuzzCase, what: string) => {
    if (failures.length < 20)
      failures.push(`${target.name}, ${one.how}: ${what}: ${toHex(one.bytes.subarray(0, 400))}`);
  };
  for (const target of targets.filter((_, index) => index % share.of === share.index)) {
    const random = new Random(seed ^ target.name.length ^ (target.name.charCodeAt(0) << 8));
    const startedAt = performance.now();
    for (let i = 0; i < perTarget; i++) {
      const one = nextCase(target, random, i);
      cases++;
      const before = performance.now();
      let said: string;
      try {
        said = target.read(one.bytes);
      } catch (error) {
        fail(target, one, `crashed with ${String(error)}`);
        continue;
      }
      slowestMs = Math.max(slowestMs, performance.now() - before);
      codes[said] = (codes[said] ?? 0) + 1;
      if (one.valid) markedValid++;
      if (said === "ACCEPTED") accepted++;
      if ((said === "ACCEPTED") !== one.valid)
        fail(target, one, `said ${said}, marked ${one.valid ? "valid" : "invalid"}`);
      if (one.expect !== undefined && said !== one.expect) fail(target, one, `said ${said}, expected ${one.expect}`);
      // Around a payload that was signed again everything is sound: what changed is the payload.
      const bytes = one.payload ?? one.bytes;
      const difference = disagreement(bytes);
      if (difference) fail(target, { ...one, bytes }, `the strict decoder ${difference}`);
      if (i % DECODING_EVERY < 2 || one.how === "special") countDecoding(codes, one);
    }
    progress(`${target.name}: ${perTarget} cases in ${Math.round(performance.now() - startedAt)} ms`);
  }
  return {
    cases,
    perTarget,
    accepted,
    markedValid,
    slowestMs: Math.round(slowestMs * 100) / 100,
    codes,
    missing: missingIn(codes),
    failures,
  };
}

/** Adds up the shares of one run. */
export function merged(results: readonly FuzzResult[]): FuzzResult {
  const sum = (pick: (result: FuzzResult) => number) => results.reduce((total, result) => total + pick(result), 0);
  const codes: Record<string, number> = {};
  for (const result of results) {
    for (const [code, count] of Object.entries(result.codes)) codes[code] = (codes[code] ?? 0) + count;
  }
  return {
    cases: sum((result) => result.cases),
    perTarget: results[0]?.perTarget ?? 0,
    accepted: sum((result) => result.accepted),
    markedValid: sum((result) => result.markedValid),
    slowestMs: Math.max(...results.map((result) => result.slowestMs)),
    codes,
    missing: missingIn(codes),
    failures: results.flatMap((result) => result.failures),
  };
}

function missingIn(codes: Readonly<Record<string, number>>): readonly string[] {
  const all = [...Object.keys(decodeCodes), ...Object.keys(badgeCodes), ...Object.keys(trustCodes)];
  return all.filter((code) => !elsewhere.has(code) && !codes[code]);
}

function nextCase(target: Target, random: Random, index: number): FuzzCase {
  const special = index % 50 === 49 ? target.special[Math.floor(index / 50) % target.special.length] : undefined;
  if (special) {
    return { ...special, valid: special.expect === "ACCEPTED", how: "special" };
  }
  if (index % 1_000 === 500) return { bytes: random.bytes(300_000), valid: false, how: "far too long" };
  return index % 2 === 0 ? mutateBytes(target, random) : mutateStructure(target, random);
}

/** The codes of the layers below: objects say OBJECT_MALFORMED or BADGE_MALFORMED for all of them. */
function countDecoding(codes: Record<string, number>, one: FuzzCase): void {
  for (const read of [
    () => decodeSign1(one.bytes),
    () => one.payload && decodeStrict(one.payload),
    () => statusListIn(one.payload),
  ]) {
    try {
      read();
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      codes[error.code] = (codes[error.code] ?? 0) + 1;
    }
  }
}

/** Reads the status list member by itself, where a payload has one. */
function statusListIn(payload: Uint8Array | undefined): void {
  if (!payload) return;
  let map: CborValue;
  try {
    map = decodeStrict(payload);
  } catch (error) {
    if (error instanceof DecodeError) return;
    throw error;
  }
  if (isCborMap(map) && map.has(65533)) decodeStatusList(encodeDeterministic(map.get(65533) as CborValue));
}
