import { type CborValue, concatBytes, decodeStrict, encodeDeterministic, sameBytes } from "@badgekey/shared";
import type { Random } from "./random.js";
import type { Target, Variation } from "./target.js";

/** One case: bytes to be read, and whether the generator knows them to be valid. */
export interface FuzzCase {
  readonly bytes: Uint8Array;
  /** What was signed, where it was signed: compared with the oracle too. */
  readonly payload?: Uint8Array;
  readonly valid: boolean;
  readonly how: string;
  /** A code that must come of it, where it is known. */
  readonly expect?: string;
}

/** Changes bytes of the whole: whatever it does, only the untouched original stays valid. */
export function mutateBytes(target: Target, random: Random): FuzzCase {
  let bytes = Uint8Array.from(target.original);
  const changes = 1 + random.below(3);
  for (let i = 0; i < changes; i++) bytes = changeBytes(bytes, random);
  return { bytes, valid: sameBytes(bytes, target.original), how: "bytes" };
}

function changeBytes(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  const at = random.below(Math.max(1, bytes.length));
  switch (random.below(6)) {
    case 0: {
      const copy = Uint8Array.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
      return copy;
    }
    case 1: {
      const copy = Uint8Array.from(bytes);
      copy[at] = random.pick([
        0x00, 0x18, 0x1c, 0x1f, 0x40, 0x5f, 0x60, 0x7f, 0x80, 0x9b, 0x9f, 0xa0, 0xbf, 0xc1, 0xd2, 0xf6, 0xf7, 0xf9,
        0xfb, 0xff,
      ]);
      return copy;
    }
    case 2:
      return bytes.slice(0, at);
    case 3:
      return Uint8Array.from([...bytes.subarray(0, at), ...random.bytes(1 + random.below(4)), ...bytes.subarray(at)]);
    case 4:
      return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + random.below(4))]);
    default: {
      const from = random.below(bytes.length || 1);
      return Uint8Array.from([
        ...bytes.subarray(0, at),
        ...bytes.subarray(from, from + random.below(16)),
        ...bytes.subarray(at),
      ]);
    }
  }
}

type Entry = readonly [key: Uint8Array, value: Uint8Array];
const FLOAT = Uint8Array.of(0xf9, 0x3c, 0x00);
const variations: readonly Variation[] = [
  "foreignKey",
  "otherAlgorithm",
  "otherType",
  "extraProtected",
  "unprotected",
  "untagged",
];
/** A label no reader knows, and that sorts behind every known one. */
const UNKNOWN = encodeDeterministic(900_000);

/** Changes the payload's structure and signs it with the right key again: only the reader's own rules can refuse it. */
export function mutateStructure(target: Target, random: Random): FuzzCase {
  const entries = entriesOf(target.payload);
  const operator = random.pick(operators);
  const changed = operator.change(entries, target, random);
  if (!changed) return resign(target, target.payload, true, "unchanged");
  if (operator.name === "around") {
    const variation = random.pick(variations);
    // A usage packet has no signature of its own: nothing stands around it.
    if (target.name === "usage packet") return resign(target, target.payload, true, "unchanged");
    return { bytes: target.sign(target.payload, variation), payload: target.payload, valid: false, how: variation };
  }
  return resign(target, changed, operator.valid, operator.name);
}

function resign(target: Target, payload: Uint8Array, valid: boolean, how: string): FuzzCase {
  return { bytes: target.sign(payload), payload, valid, how };
}

interface Operator {
  readonly name: string;
  readonly valid: boolean;
  /** Undefined where it does not apply to this target. */
  readonly change: (entries: readonly Entry[], target: Target, random: Random) => Uint8Array | undefined;
}

const operators: readonly Operator[] = [
  { name: "unchanged", valid: true, change: (entries) => assemble(entries) },
  {
    name: "unknown label",
    valid: true,
    change: (entries, _target, random) =>
      assemble([...inOrder(entries, UNKNOWN, encodeDeterministic(anyValue(random, 3)))]),
  },
  { name: "around", valid: false, change: (entries) => assemble(entries) },
  {
    name: "critical label",
    valid: false,
    change: (entries, _target, random) =>
      assemble(
        inOrder(entries, encodeDeterministic(-100_000 - random.below(1000)), encodeDeterministic(anyValue(random, 2))),
      ),
  },
  {
    name: "text label",
    valid: false,
    change: (entries, _target, random) =>
      assemble(inOrder(entries, encodeDeterministic(`x${random.below(99)}`), Uint8Array.of(1))),
  },
  {
    name: "member removed",
    valid: false,
    change: (entries, target, random) => without(entries, random.pick(target.required)),
  },
  {
    name: "member retyped",
    valid: false,
    change: (entries, target, random) =>
      replaced(
        entries,
        random.pick(target.required),
        random.pick([Uint8Array.of(0xf6), Uint8Array.of(0xf5), encodeDeterministic(-5)]),
      ),
  },
  {
    name: "member a float",
    valid: false,
    change: (entries, target, random) => replaced(entries, random.pick(target.required), FLOAT),
  },
  {
    name: "key twice",
    valid: false,
    change: (entries, _target, random) => {
      const at = random.below(entries.length);
      return assemble([...entries.slice(0, at + 1), entries[at] as Entry, ...entries.slice(at + 1)]);
    },
  },
  { name: "keys unsorted", valid: false, change: (entries) => assemble([...entries].reverse()) },
  {
    name: "head too long",
    valid: false,
    change: (entries) => concatBytes(Uint8Array.of(0xb8, entries.length), ...entries.flat()),
  },
  {
    name: "indefinite",
    valid: false,
    change: (entries) => concatBytes(Uint8Array.of(0xbf), ...entries.flat(), Uint8Array.of(0xff)),
  },
  { name: "float inside", valid: false, change: (entries) => assemble(inOrder(entries, UNKNOWN, FLOAT)) },
  {
    name: "undefined inside",
    valid: false,
    change: (entries) => assemble(inOrder(entries, UNKNOWN, Uint8Array.of(0xf7))),
  },
  {
    name: "tag inside",
    valid: false,
    change: (entries) => assemble(inOrder(entries, UNKNOWN, Uint8Array.of(0xc1, 0x01))),
  },
  {
    name: "text not UTF-8",
    valid: false,
    change: (entries) => assemble(inOrder(entries, UNKNOWN, Uint8Array.of(0x62, 0xc3, 0x28))),
  },
  {
    name: "reserved head",
    valid: false,
    change: (entries) => assemble(inOrder(entries, UNKNOWN, Uint8Array.of(0x1c))),
  },
  {
    name: "array as key",
    valid: false,
    change: (entries) => assemble(inOrder(entries, Uint8Array.of(0x80), Uint8Array.of(1))),
  },
  {
    name: "too deep",
    valid: false,
    change: (entries) => assemble(inOrder(entries, UNKNOWN, Uint8Array.of(...new Array<number>(8).fill(0x81), 1))),
  },
  { name: "trailing byte", valid: false, change: (entries) => concatBytes(assemble(entries), Uint8Array.of(0)) },
  {
    name: "cut short",
    valid: false,
    change: (entries, _target, random) => {
      const whole = assemble(entries);
      return whole.slice(0, 1 + random.below(whole.length - 1));
    },
  },
  {
    name: "not a map",
    valid: false,
    change: (_entries, _target, random) =>
      encodeDeterministic(random.pick<CborValue>([0, "badge", [], null, new Uint8Array(4)])),
  },
  { name: "items announced", valid: false, change: () => Uint8Array.of(0xba, 0x7f, 0xff, 0xff, 0xff) },
  {
    name: "other site",
    valid: false,
    change: (entries, target, random) =>
      target.siteLabel === undefined
        ? undefined
        : replaced(entries, target.siteLabel, encodeDeterministic(random.bytes(32))),
  },
  {
    name: "other agent",
    valid: false,
    change: (entries, target) =>
      target.agentLabel === undefined ? undefined : replaced(entries, target.agentLabel, encodeDeterministic("saw-9")),
  },
];

export const operatorNames = operators.map(({ name }) => name);

function entriesOf(payload: Uint8Array): Entry[] {
  const map = decodeStrict(payload) as ReadonlyMap<CborValue, CborValue>;
  return [...map].map(([key, value]) => [encodeDeterministic(key), encodeDeterministic(value)]);
}

function assemble(entries: readonly Entry[]): Uint8Array {
  const head = entries.length < 24 ? Uint8Array.of(0xa0 | entries.length) : Uint8Array.of(0xb8, entries.length);
  return concatBytes(head, ...entries.flat());
}

/** Puts an entry at its place in bytewise order. */
function inOrder(entries: readonly Entry[], key: Uint8Array, value: Uint8Array): Entry[] {
  const all: Entry[] = [...entries, [key, value]];
  return all.sort(([a], [b]) => Buffer.compare(a, b));
}

function without(entries: readonly Entry[], label: number): Uint8Array {
  const key = encodeDeterministic(label);
  return assemble(entries.filter(([other]) => !sameBytes(other, key)));
}

function replaced(entries: readonly Entry[], label: number, value: Uint8Array): Uint8Array {
  const key = encodeDeterministic(label);
  return assemble(entries.map(([other, old]) => (sameBytes(other, key) ? [other, value] : [other, old])));
}

/** Any value of the profile, `depth` levels at most. */
function anyValue(random: Random, depth: number): CborValue {
  switch (random.below(depth > 0 ? 8 : 6)) {
    case 0:
      return random.next();
    case 1:
      return -1 - random.next();
    case 2:
      return random.bytes(random.below(24));
    case 3:
      return "é".repeat(random.below(12));
    case 4:
      return random.below(2) === 0;
    case 5:
      return null;
    case 6:
      return Array.from({ length: random.below(4) }, () => anyValue(random, depth - 1));
    default:
      return new Map<CborValue, CborValue>(
        Array.from({ length: random.below(4) }, (_, index) => [index * 7, anyValue(random, depth - 1)]),
      );
  }
}
