import { sha256, toHex } from "@badgekey/shared";

/** One of the two copies of the persisted clock. The copy with the higher number is the newer one. */
export interface ClockCopy {
  readonly number: number;
  /** ms since the epoch. */
  readonly floorAt: number;
  /** ms since the epoch. */
  readonly freshAt: number;
}

export const MOST_CLOCK_BYTES = 256;
const FORM = /^badgekey-clock 1 ([0-9]{1,15}) ([0-9]{1,15}) ([0-9]{1,15}) ([0-9a-f]{64})\n$/;

/** One line of text: number, floor, freshness, SHA-256 of what stands before it. */
export function encodeClockCopy({ number, floorAt, freshAt }: ClockCopy): Uint8Array {
  const head = `badgekey-clock 1 ${[number, floorAt, freshAt].map((value) => String(Math.floor(value))).join(" ")} `;
  return Buffer.from(`${head}${digest(head)}\n`);
}

/** Undefined where the copy is damaged or only half written. */
export function decodeClockCopy(bytes: Uint8Array): ClockCopy | undefined {
  const text = Buffer.from(bytes).toString("latin1");
  const [, number, floorAt, freshAt, hash] = FORM.exec(text) ?? [];
  if (hash === undefined || digest(text.slice(0, -hash.length - 1)) !== hash) return undefined;
  return { number: Number(number), floorAt: Number(floorAt), freshAt: Number(freshAt) };
}

function digest(text: string): string {
  return toHex(sha256(Buffer.from(text, "latin1")));
}
