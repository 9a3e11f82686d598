import { expect, test } from "vitest";
import * as native from "./native.js";
import * as portable from "./portable.js";

const MOST = 1024 * 1024;

test.each(Object.entries({ native, portable }))(
  "R21: %s inflates to the bound and not a byte beyond",
  (_name, { inflate }) => {
    expect(inflate(native.deflate(new Uint8Array(MOST)), MOST)).toEqual(new Uint8Array(MOST));
    // A kilobyte that claims to be a gigabyte costs no more than the bound.
    for (const size of [MOST + 1, 64 * MOST]) {
      expect(() => inflate(native.deflate(new Uint8Array(size)), MOST)).toThrow();
    }
  },
);

test.each(Object.entries({ native, portable }))(
  "R21: %s refuses what is damaged, cut short or followed by more",
  (_name, { inflate }) => {
    const good = native.deflate(Uint8Array.from({ length: 500 }, (_, index) => index * 7));
    expect(() => inflate(good.subarray(0, -1), MOST)).toThrow();
    expect(() => inflate(Uint8Array.of(...good, 0), MOST)).toThrow();
    expect(() =>
      inflate(
        good.map((byte, place) => (place === 20 ? byte ^ 255 : byte)),
        MOST,
      ),
    ).toThrow();
  },
);
