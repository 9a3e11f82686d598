import {
  type CborValue,
  DAY_MS,
  type Signer,
  Tagged,
  decodeStrict,
  encodeDeterministic,
  encodeSign1,
} from "@badgekey/shared";
import { TEST_EPOCH, testSigner, testSite } from "@badgekey/shared/testing";

/** A thing that is mutated: a valid original, how to sign a changed payload honestly, and what reads it. */
export interface Target {
  readonly name: string;
  readonly original: Uint8Array;
  /** The payload that is changed structurally: a map, or an array of rows. */
  readonly payload: Uint8Array;
  /** Labels (or, for arrays, nothing) without which it is no longer valid. */
  readonly required: readonly number[];
  readonly siteLabel?: number;
  readonly agentLabel?: number;
  readonly sign: (payload: Uint8Array, variation?: Variation) => Uint8Array;
  /** "ACCEPTED" or a code. */
  readonly read: (bytes: Uint8Array) => string;
  /** Changes whose effect is known: a payload or whole bytes, and the code that must come of it. */
  readonly special: readonly { readonly bytes: Uint8Array; readonly payload?: Uint8Array; readonly expect: string }[];
}

/** What may be wrong around an honest payload. */
export type Variation = "foreignKey" | "otherAlgorithm" | "otherType" | "extraProtected" | "unprotected" | "untagged";

export const NOW = TEST_EPOCH + DAY_MS;
export const SITE = testSite({ statuses: { 21: "revoked", 22: "suspended", 23: "superseded" } });
export const stranger = testSigner("stranger");
export const VENDOR = "application/vnd.badgekey.";

export function outcome(verdict: { readonly ok: true } | { readonly ok: false; readonly code: string }): string {
  return verdict.ok ? "ACCEPTED" : verdict.code;
}

/** Signs like the real thing, but with any payload and any one thing wrong around it. */
export function signer(key: Signer, typ: string | undefined): Target["sign"] {
  return (payload, variation) => {
    const by = variation === "foreignKey" ? stranger : key;
    const header = new Map<CborValue, CborValue>([
      [1, variation === "otherAlgorithm" ? -8 : -19],
      [4, by.keyId],
    ]);
    if (typ !== undefined) header.set(16, variation === "otherType" ? "application/vnd.badgekey.other" : typ);
    else if (variation === "otherType") header.set(16, "application/cwt");
    if (variation === "extraProtected") header.set(99, 1);
    const bytes = encodeSign1(header, payload, (message) => by.sign(message));
    if (variation === "untagged") return bytes.subarray(1);
    if (variation !== "unprotected") return bytes;
    const parts = [...((decodeStrict(bytes) as Tagged).value as CborValue[])];
    parts[1] = new Map([[4, by.keyId]]);
    return encodeDeterministic(new Tagged(18, parts));
  };
}

export function payloadOf(bytes: Uint8Array): Uint8Array {
  return ((decodeStrict(bytes) as Tagged).value as CborValue[])[2] as Uint8Array;
}

export function object(
  name: string,
  original: Uint8Array,
  key: Signer,
  typ: string,
  required: readonly number[],
  read: Target["read"],
  more: Partial<Target> = {},
): Target {
  return {
    name,
    original,
    payload: payloadOf(original),
    required,
    siteLabel: 1,
    sign: signer(key, typ),
    read,
    special: [],
    ...more,
  };
}
