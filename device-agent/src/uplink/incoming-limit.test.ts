import fc from "fast-check";
import { expect, test } from "vitest";
import { fullJitter } from "./back-off.js";
import { IncomingLimit } from "./incoming-limit.js";

/** A packet of `length` body bytes under a first byte. */
function packet(head: number, length: number): Uint8Array {
  const heads = [head];
  let rest = length;
  do {
    heads.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>= 7;
  } while (rest > 0);
  return Uint8Array.from([...heads, ...new Uint8Array(length).fill(0xff)]);
}

test("packets within the limit pass however the stream is cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(300), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 97 })),
      (lengths, cuts) => {
        const stream = Buffer.concat(lengths.map((length) => packet(0x32, length)));
        const limit = new IncomingLimit(300);
        let at = 0;
        for (let i = 0; at < stream.length; i++) {
          const end = at + (cuts[i % (cuts.length || 1)] ?? 64);
          if (limit.refuses(stream.subarray(at, end)) !== undefined) return false;
          at = end;
        }
        return true;
      },
    ),
  );
});

test("a packet over the limit is known by its header", () => {
  const limit = new IncomingLimit(300);
  expect(limit.refuses(packet(0x32, 301).subarray(0, 2))).toBeUndefined();
  expect(limit.refuses(packet(0x32, 301).subarray(2, 3))).toContain("more than 300 bytes");
  expect(new IncomingLimit(1e9).refuses(Uint8Array.of(0x32, 0xff, 0xff, 0xff, 0xff))).toContain("no MQTT");
  expect(new IncomingLimit(300).refuses(packet(0x34, 5))).toContain("QoS 2");
});

test("full jitter doubles its upper end up to the most", () => {
  const backOff = { firstMs: 1_000, mostMs: 60_000 };
  expect([0, 1, 2, 5, 6, 7, 5_000].map((failures) => fullJitter(backOff, failures, 0.999_999_9))).toEqual([
    999, 1_999, 3_999, 31_999, 59_999, 59_999, 59_999,
  ]);
  expect(fullJitter(backOff, 3, 0)).toBe(0);
});
