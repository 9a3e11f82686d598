import { type CborValue, Tagged, compareBytes, decodeStrict, sameBytes } from "@badgekey/shared";
import { Tagged as OracleTagged, decode, encode, rfc8949EncodeOptions } from "cborg";

/**
 * An independent reading of the profile of SPEC 1 on cborg's strict mode: what cborg refuses, what does not come back
 * as the same bytes from its deterministic encoder, and the profile's own limits. Returns the value, or undefined.
 */
export function oracleRead(bytes: Uint8Array): { value: CborValue } | undefined {
  let value: unknown;
  try {
    value = decode(bytes, {
      useMaps: true,
      strict: true,
      rejectDuplicateMapKeys: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowInfinity: false,
      allowNaN: false,
      tags: OracleTagged.preserve(18, 98),
    });
    if (!sameBytes(encode(value, rfc8949EncodeOptions), bytes)) return undefined;
  } catch {
    // cborg refuses by throwing, in many ways; which one is not compared.
    return undefined;
  }
  const adopted = withinProfile(value, 0);
  return adopted === undefined ? undefined : { value: adopted };
}

/** Compares our decoder with the oracle on one input; a text says how they differ. */
export function disagreement(bytes: Uint8Array): string | undefined {
  const expected = oracleRead(bytes);
  let actual: CborValue | undefined;
  try {
    actual = decodeStrict(bytes);
  } catch (error) {
    return expected ? `refused (${String((error as { code?: string }).code)}) what the oracle accepts` : undefined;
  }
  if (!expected) return "accepted what the oracle refuses";
  return sameValue(actual, expected.value) ? undefined : "read another value than the oracle";
}

/** Depth, floats, key types and duplicates: the profile is narrower than cborg there. */
function withinProfile(value: unknown, depth: number): CborValue | undefined {
  if (value instanceof OracleTagged) {
    if (depth >= 8) return undefined;
    const inner = withinProfile(value.value, depth + 1);
    return inner === undefined ? undefined : new Tagged(value.tag, inner);
  }
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : undefined;
  if (value === null || typeof value === "bigint" || typeof value === "string" || typeof value === "boolean")
    return value;
  if (value instanceof Uint8Array) return value;
  if (depth >= 8) return undefined;
  if (Array.isArray(value)) {
    const items = value.map((item) => withinProfile(item, depth + 1));
    return items.includes(undefined) ? undefined : (items as CborValue[]);
  }
  if (!(value instanceof Map)) return undefined;
  const adopted = new Map<CborValue, CborValue>();
  const keys: Uint8Array[] = [];
  for (const [key, item] of value as Map<unknown, unknown>) {
    const fitting =
      typeof key === "number"
        ? Number.isSafeInteger(key)
        : typeof key === "bigint" || typeof key === "string" || key instanceof Uint8Array;
    const inner = withinProfile(item, depth + 1);
    if (!fitting || inner === undefined) return undefined;
    keys.push(encode(key));
    adopted.set(key as CborValue, inner);
  }
  keys.sort(compareBytes);
  return keys.some((key, index) => index > 0 && sameBytes(key, keys[index - 1] as Uint8Array)) ? undefined : adopted;
}

function sameValue(a: CborValue, b: CborValue): boolean {
  if (a instanceof Uint8Array) return b instanceof Uint8Array && sameBytes(a, b);
  if (a instanceof Tagged) return b instanceof Tagged && a.tag === b.tag && sameValue(a.value, b.value);
  if (Array.isArray(a)) {
    return (
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((item, index) => sameValue(item as CborValue, b[index] as CborValue))
    );
  }
  if (a instanceof Map) {
    const left = [...(a as Map<CborValue, CborValue>)].flat();
    return b instanceof Map && sameValue(left, [...(b as Map<CborValue, CborValue>)].flat());
  }
  return a === b;
}
