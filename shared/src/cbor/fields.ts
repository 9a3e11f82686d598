import type { CborMap, CborValue } from "./value.js";

/** A member that is missing, of another type or out of range; readers turn it into their own code. */
export class FieldError extends Error {
  override readonly name = "FieldError";
}

const MOST_SECONDS = 253_402_300_799; // 9999-12-31T23:59:59Z

/**
 * Reads the members of a map by integer label. Unknown labels from 0 up are ignored (formats grow by adding), unknown
 * negative labels are critical and refused (SPEC 1.3). Every accessor throws FieldError.
 */
export class Fields {
  readonly #map: CborMap;

  constructor(value: CborValue | undefined, known: readonly number[]) {
    if (!(value instanceof Map)) throw new FieldError("not a map");
    this.#map = value;
    for (const label of this.#map.keys()) {
      if (typeof label !== "number") throw new FieldError("a label that is no integer");
      if (label < 0 && !known.includes(label)) throw new FieldError(`unknown critical label ${label}`);
    }
  }

  has(label: number): boolean {
    return this.#map.has(label);
  }

  raw(label: number): CborValue | undefined {
    return this.#map.get(label);
  }

  uint(label: number, most = Number.MAX_SAFE_INTEGER, least = 0): number {
    return uintIn(this.#map.get(label), most, least);
  }

  /** Wire seconds to an instant in ms. */
  instant(label: number): number {
    return this.uint(label, MOST_SECONDS) * 1000;
  }

  bytes(label: number, least: number, most = least): Uint8Array {
    return bytesIn(this.#map.get(label), least, most);
  }

  text(label: number, most: number, pattern?: RegExp): string {
    return textIn(this.#map.get(label), most, pattern);
  }

  array(label: number, most: number): readonly CborValue[] {
    return arrayIn(this.#map.get(label), most);
  }

  map(label: number, most: number): CborMap {
    return mapIn(this.#map.get(label), most);
  }

  optional<T>(label: number, read: (label: number) => T): T | undefined {
    return this.#map.has(label) ? read(label) : undefined;
  }
}

export function uintIn(value: CborValue | undefined, most = Number.MAX_SAFE_INTEGER, least = 0): number {
  if (typeof value !== "number" || value < least || value > most) throw new FieldError("not an integer in range");
  return value;
}

export function bytesIn(value: CborValue | undefined, least: number, most = least): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length < least || value.length > most) {
    throw new FieldError("not a byte string of the right length");
  }
  return value;
}

export function textIn(value: CborValue | undefined, most: number, pattern?: RegExp): string {
  if (typeof value !== "string" || value.length > most || (pattern && !pattern.test(value))) {
    throw new FieldError("not a text of the right form");
  }
  return value;
}

export function arrayIn(value: CborValue | undefined, most: number): readonly CborValue[] {
  if (!Array.isArray(value) || value.length > most) throw new FieldError("not an array within bounds");
  return value as readonly CborValue[];
}

export function mapIn(value: CborValue | undefined, most: number): CborMap {
  if (!(value instanceof Map) || value.size > most) throw new FieldError("not a map within bounds");
  return value;
}

/** An instant in ms to wire seconds, rounded down. */
export function toSeconds(at: number): number {
  return Math.floor(at / 1000);
}

/** Builds a map from label and value pairs, leaving out undefined ones. */
export function labelled(entries: readonly (readonly [number, CborValue | undefined])[]): CborMap {
  const map = new Map<CborValue, CborValue>();
  for (const [label, value] of entries) if (value !== undefined) map.set(label, value);
  return map;
}
