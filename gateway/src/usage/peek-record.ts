import { type UsageKind, usageKinds } from "@badgekey/shared";

/** The members of a usage record by which the log is searched. */
export interface RecordPeek {
  readonly kind: UsageKind;
  readonly at: number;
  readonly machine: string;
  readonly holder: string | null;
  readonly code: string | null;
  readonly job: string | null;
}

/** Labels of SPEC 6.3. */
const KIND = 1;
const AT = 2;
const MACHINE = 4;
const HOLDER = 7;
const CODE = 13;
const JOB = 20;

/**
 * Reads those members without decoding the rest: strict decoding (SPEC 1.2) would be most of the cost of taking a
 * record in, and whoever shows or verifies a record decodes it strictly anyway. Undefined where it is no map of
 * labelled items.
 */
export function peekRecord(body: Uint8Array): RecordPeek | undefined {
  const items = new Items(body);
  const pairs = items.map();
  let kind: UsageKind | undefined;
  let at: number | undefined;
  let machine: string | undefined;
  let holder: string | null = null;
  let code: string | null = null;
  let job: string | null = null;
  for (let pair = 0; pair < pairs && items.sound; pair++) {
    switch (items.uint()) {
      case KIND:
        kind = usageKinds[items.uint()];
        break;
      case AT:
        at = items.uint();
        break;
      case MACHINE:
        machine = items.text();
        break;
      case HOLDER:
        holder = items.text();
        break;
      case CODE:
        code = items.text();
        break;
      case JOB:
        job = items.text();
        break;
      default:
        items.skip(0);
    }
  }
  const whole = items.sound && items.ended && at !== undefined && Number.isSafeInteger(at);
  return whole && kind !== undefined && machine !== undefined
    ? { kind, at: at ?? 0, machine, holder, code, job }
    : undefined;
}

const MOST_DEPTH = 8;

/** Steps through CBOR items; once something does not fit, `sound` is false and every read gives a harmless value. */
class Items {
  sound = true;
  #at = 0;

  constructor(readonly bytes: Uint8Array) {}

  get ended(): boolean {
    return this.#at === this.bytes.length;
  }

  map(): number {
    return this.#head(5);
  }

  uint(): number {
    return this.#head(0);
  }

  text(): string {
    const length = this.#head(3);
    const from = this.#at;
    this.#at += length;
    if (this.#at > this.bytes.length) return this.#broken("");
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + from, length).toString("utf8");
  }

  /** Steps over one item, whatever it is. */
  skip(depth: number): void {
    const initial = this.bytes[this.#at];
    if (initial === undefined || depth > MOST_DEPTH) {
      this.#broken(0);
      return;
    }
    const major = initial >> 5;
    const argument = this.#head(major);
    if (major === 2 || major === 3) {
      this.#at += argument;
      if (this.#at > this.bytes.length) this.#broken(0);
    } else if (major === 4 || major === 5) {
      const items = major === 5 ? argument * 2 : argument;
      for (let item = 0; item < items && this.sound; item++) this.skip(depth + 1);
    } else if (major === 6) {
      this.skip(depth + 1);
    }
  }

  /** The argument of an item that must be of this major type. */
  #head(major: number): number {
    const { bytes } = this;
    const initial = bytes[this.#at++];
    if (initial === undefined || initial >> 5 !== major) return this.#broken(0);
    const short = initial & 31;
    if (short < 24) return short;
    const width = short === 24 ? 1 : short === 25 ? 2 : short === 26 ? 4 : short === 27 ? 8 : 0;
    if (width === 0 || this.#at + width > bytes.length) return this.#broken(0);
    let argument = 0;
    for (let left = width; left > 0; left--) argument = argument * 256 + (bytes[this.#at++] ?? 0);
    return argument;
  }

  #broken<T>(harmless: T): T {
    this.sound = false;
    return harmless;
  }
}
