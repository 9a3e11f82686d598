import {
  type UsageRow,
  chainAfter,
  concatBytes,
  decodeUsagePacket,
  decodeUsageRecord,
  encodeDeterministic,
  encodeUsagePacket,
  encodeUsageRecord,
  rowCommitment,
  sha256,
  toHex,
} from "@badgekey/shared";
import { NOW, SITE, type Target } from "./target.js";

const { keys } = SITE;
const nonce = new Uint8Array(16).fill(5);
const record = encodeUsageRecord({
  kind: "sessionEnded",
  at: NOW,
  clock: "synced",
  machine: "laser-1",
  upMs: 123_456,
  session: nonce.subarray(0, 8),
  holder: "a1b2c3d4",
  issuer: keys.issuer.keyId,
  statusIndex: 7,
  badge: sha256(SITE.badge()).subarray(0, 8),
  grants: [{ training: 1, level: 2 }],
  durationMs: 60_000,
});
const row = { boot: 3, sequence: 9, previous: sha256(nonce), salt: nonce, body: record };

/** Rows have no signature of their own: what the agent's signed checkpoints say of the chain stands for it. */
const checkpoints = new Set<string>([chainOf(row)]);

function chainOf(one: UsageRow): string {
  return toHex(chainAfter(one, rowCommitment(one)));
}

function usage(read: () => string): string {
  try {
    return read();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === undefined) throw error;
    return code;
  }
}

export const usageTarget: Target = {
  name: "usage packet",
  original: encodeUsagePacket([row]),
  payload: record,
  required: [1, 2, 3, 4, 5],
  sign: (payload) => {
    const body = payload.length === 0 || payload.length > 4096 ? Uint8Array.of(0xf6) : payload;
    checkpoints.add(chainOf({ ...row, body }));
    return encodeUsagePacket([{ ...row, body }]);
  },
  read: (bytes) =>
    usage(() => {
      for (const one of decodeUsagePacket(bytes)) {
        if (!checkpoints.has(chainOf(one))) return "NOT_OF_THE_CHAIN";
        decodeUsageRecord(one.body);
      }
      return "ACCEPTED";
    }),
  special: [
    { bytes: concatBytes(encodeUsagePacket([row]), Uint8Array.of(0)), expect: "CBOR_TRAILING_BYTES" },
    { bytes: encodeDeterministic([]), expect: "USAGE_MALFORMED" },
  ],
};
