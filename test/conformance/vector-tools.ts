import { DAY_MS, type CborValue, encodeDeterministic, encodeSign1, fromHex } from "@badgekey/shared";
import { TEST_EPOCH, testSite } from "@badgekey/shared/testing";

/** One published case: what is read, as what, when, and what must come of it (a code, or ACCEPTED). */
export interface VectorCase {
  readonly title: string;
  readonly as: string;
  readonly bytes: string;
  readonly now?: number;
  readonly uid?: string;
  /** For taps: the machine's policy, and what the agent knows beside the card. */
  readonly policy?: Readonly<Record<string, unknown>>;
  readonly clock?: "untrusted" | "holdover" | "synced";
  readonly stalenessMs?: number;
  readonly blocked?: string;
  readonly machine?: string;
  readonly expect: string;
}

export const SITE = testSite({ statuses: { 21: "revoked", 22: "suspended", 23: "superseded" } });
export const NOW = TEST_EPOCH + DAY_MS;
export const UID = fromHex("04e10cda993c80");
export const { keys, issuer, site } = SITE;
export const grant = (training: number, level: 1 | 2 | 3 | 4 = 2, daysBefore = 0) => ({ training, level, daysBefore });
export const six = [1, 2, 3, 4, 5, 6].map((training) => grant(training));

export type Cases = Readonly<Record<string, Omit<VectorCase, "as"> & { readonly as?: string }>>;

/** A badge whose payload is any CBOR, honestly signed. */
export function signedPayload(payload: CborValue, signer = keys.issuer): Uint8Array {
  return encodeSign1(header(signer.keyId), encodeDeterministic(payload), (message) => signer.sign(message));
}

export function header(
  keyId: Uint8Array,
  more: readonly (readonly [CborValue, CborValue])[] = [],
): Map<CborValue, CborValue> {
  return new Map<CborValue, CborValue>([[1, -19], [4, keyId], ...more]);
}

export function edited(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const index = at < 0 ? copy.length + at : at;
  copy[index] = (copy[index] as number) ^ 1;
  return copy;
}

export function claimsMap(change: (map: Map<CborValue, CborValue>) => void): Map<CborValue, CborValue> {
  const map = new Map<CborValue, CborValue>([
    [2, "a1b2c3d4"],
    [4, (TEST_EPOCH + 300 * DAY_MS) / 1000],
    [6, TEST_EPOCH / 1000],
    [7, Uint8Array.of(7)],
    [9, encodeDeterministic([[1, 2]])],
  ]);
  change(map);
  return map;
}
