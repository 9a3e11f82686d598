import { deflate, inflate } from "#inflate";
import { DecodeError, decodeStrict } from "../cbor/decode.js";
import { type CborMap, type CborValue, isCborMap } from "../cbor/value.js";

/** The statuses of our own 2-bit lists (SPEC 4.4); 3 is application-specific in the draft. */
export const STATUS = { valid: 0, revoked: 1, suspended: 2, superseded: 3 } as const;
export type Status = keyof typeof STATUS;

/** IETF Token Status List, decoded: `length` statuses of `bits` bits. */
export interface StatusList {
  readonly bits: 1 | 2 | 4 | 8;
  readonly length: number;
  /** As inflated: the first status in the least significant bits of the first byte. */
  readonly packed: Uint8Array;
  /** The status at an index; throws DecodeError STATUS_INDEX_OUT_OF_RANGE beyond the list. */
  get(index: number): number;
}

/** 2^20 statuses at 8 bits each would be 1 MiB: the published vectors' size, and the most we inflate. */
const MOST_BYTES = 1 << 20;

/**
 * Decodes the CBOR map {"bits", "lst"} of draft-ietf-oauth-status-list section 4.3; keys in any order, as published.
 */
export function decodeStatusList(bytes: Uint8Array): StatusList {
  return readStatusList(decodeStrict(bytes, { keyOrder: "any", tags: [], maxBytes: MOST_BYTES }));
}

export function readStatusList(value: CborValue | undefined): StatusList {
  if (!isCborMap(value)) throw malformed("not a map");
  for (const key of value.keys()) {
    if (key !== "bits" && key !== "lst" && key !== "aggregation_uri") throw malformed("an unknown member");
  }
  const bits = value.get("bits");
  const compressed = value.get("lst");
  const uri = value.get("aggregation_uri");
  if (bits !== 1 && bits !== 2 && bits !== 4 && bits !== 8) throw malformed("bits is not 1, 2, 4 or 8");
  if (!(compressed instanceof Uint8Array)) throw malformed("lst is no byte string");
  if (uri !== undefined && typeof uri !== "string") throw malformed("aggregation_uri is no text");
  return statusListOver(inflateBounded(compressed), bits);
}

/** A list over packed bytes: the first status in the least significant bits of the first byte. */
export function statusListOver(packed: Uint8Array, bits: 1 | 2 | 4 | 8): StatusList {
  const perByte = 8 / bits;
  const length = packed.length * perByte;
  const mask = (1 << bits) - 1;
  return {
    bits,
    length,
    packed,
    get(index) {
      if (!Number.isSafeInteger(index) || index < 0 || index >= length) {
        throw new DecodeError("STATUS_INDEX_OUT_OF_RANGE", `the list has ${length} statuses`);
      }
      const byte = packed[Math.floor(index / perByte)] as number;
      return (byte >> ((index % perByte) * bits)) & mask;
    },
  };
}

/** The status list structure over packed 2-bit statuses, ready to be signed. */
export function encodeStatusList(packed: Uint8Array): CborMap {
  return new Map<CborValue, CborValue>([
    ["bits", 2],
    ["lst", deflate(packed)],
  ]);
}

/** Sets one 2-bit status in packed bytes, in place. */
export function setStatus(packed: Uint8Array, index: number, status: Status): void {
  const at = index >> 2;
  const shift = (index & 3) * 2;
  const byte = packed[at];
  if (byte === undefined || index < 0) throw new RangeError(`the list has ${packed.length * 4} statuses`);
  packed[at] = (byte & ~(3 << shift)) | (STATUS[status] << shift);
}

function inflateBounded(compressed: Uint8Array): Uint8Array {
  try {
    return inflate(compressed, MOST_BYTES);
  } catch (cause) {
    const tooLarge = cause instanceof RangeError && /inflated|larger/i.test(cause.message);
    if (tooLarge) throw new DecodeError("STATUS_LIST_TOO_LARGE", `inflates past ${MOST_BYTES} bytes`, { cause });
    throw new DecodeError("STATUS_LIST_MALFORMED", "the compressed list is damaged", { cause });
  }
}

function malformed(what: string): DecodeError {
  return new DecodeError("STATUS_LIST_MALFORMED", what);
}
