import { type CborMap, type CborValue, Tagged, compareBytes } from "./value.js";

const utf8 = new TextEncoder();
const PAST_64_BIT = 1n << 64n;

/**
 * Encodes a value in RFC 8949 section 4.2.1 core deterministic form (SPEC 1.1).
 * Written apart from the decoder's library on purpose: decode-then-encode compares two independent readings of the
 * bytes. Throws a TypeError for what the profile cannot carry: floats, undefined, plain objects, integers beyond 64
 * bits, ill-formed texts, duplicate map keys.
 */
export function encodeDeterministic(value: CborValue): Uint8Array {
  const out = new Writer();
  write(out, value);
  return out.finish();
}

class Writer {
  #bytes = new Uint8Array(256);
  #length = 0;

  push(byte: number): void {
    this.#room(1);
    this.#bytes[this.#length++] = byte;
  }

  append(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

function write(out: Writer, value: CborValue): void {
  switch (typeof value) {
    case "boolean":
      return out.push(value ? 0xf5 : 0xf4);
    case "number":
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw new TypeError("only safe integers are encoded");
      return value < 0 ? writeHead(out, 1, -1 - value) : writeHead(out, 0, value);
    case "bigint":
      if (value >= PAST_64_BIT || value < -PAST_64_BIT) throw new TypeError("integer beyond 64 bits");
      return value < 0n ? writeHead(out, 1, -1n - value) : writeHead(out, 0, value);
    case "string": {
      if (!isWellFormed(value)) throw new TypeError("text is not well-formed Unicode");
      const bytes = utf8.encode(value);
      writeHead(out, 3, bytes.length);
      return out.append(bytes);
    }
    case "object":
      return writeObject(out, value);
    default:
      throw new TypeError(`a ${typeof value} cannot be encoded`);
  }
}

function writeObject(out: Writer, value: null | Uint8Array | readonly CborValue[] | CborMap | Tagged): void {
  if (value === null) return out.push(0xf6);
  if (value instanceof Uint8Array) {
    writeHead(out, 2, value.length);
    return out.append(value);
  }
  if (Array.isArray(value)) {
    writeHead(out, 4, value.length);
    for (const item of value as readonly CborValue[]) write(out, item);
    return;
  }
  if (value instanceof Map) return writeMap(out, value);
  if (value instanceof Tagged) {
    writeHead(out, 6, value.tag);
    return write(out, value.value);
  }
  throw new TypeError("plain objects have no deterministic key type: use a Map");
}

function writeMap(out: Writer, map: CborMap): void {
  const entries = [...map].map(([key, value]) => ({ key: encodeKey(key), value }));
  entries.sort((a, b) => compareBytes(a.key, b.key));
  writeHead(out, 5, entries.length);
  let previous: Uint8Array | undefined;
  for (const { key, value } of entries) {
    if (previous && compareBytes(previous, key) === 0) throw new TypeError("duplicate map key");
    previous = key;
    out.append(key);
    write(out, value);
  }
}

function encodeKey(key: CborValue): Uint8Array {
  const allowed =
    typeof key === "number" || typeof key === "bigint" || typeof key === "string" || key instanceof Uint8Array;
  if (!allowed) throw new TypeError("map keys are integers, texts or byte strings");
  return encodeDeterministic(key);
}

/** The head of an item: major type and argument, as short as can be. */
function writeHead(out: Writer, major: number, argument: number | bigint): void {
  const type = major << 5;
  if (argument < 24) return out.push(type | Number(argument));
  const width = argument <= 0xff ? 1 : argument <= 0xffff ? 2 : argument <= 0xffff_ffff ? 4 : 8;
  out.push(type | (width === 1 ? 24 : width === 2 ? 25 : width === 4 ? 26 : 27));
  if (width === 8) {
    const wide = BigInt(argument);
    for (let shift = 56n; shift >= 0n; shift -= 8n) out.push(Number((wide >> shift) & 0xffn));
    return;
  }
  const narrow = Number(argument);
  for (let shift = 8 * (width - 1); shift >= 0; shift -= 8) out.push((narrow >>> shift) & 0xff);
}

function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}
