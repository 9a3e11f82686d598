import { PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameMeter, guardFrames } from "./frame-limit.js";

function frame(bodyBytes: number, type = 3): Uint8Array {
  const length: number[] = [];
  let rest = bodyBytes;
  do {
    length.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Uint8Array.from([type << 4, ...length, ...new Array<number>(bodyBytes).fill(0xff)]);
}

describe("FrameMeter", () => {
  test("counts the header: a packet of exactly the limit fits, one byte more does not", () => {
    expect(new FrameMeter().measure(frame(61), 63)).toBe("fits");
    expect(new FrameMeter().measure(frame(62), 63)).toBe("oversize");
    expect(new FrameMeter().measure(frame(65_532), 65_536)).toBe("fits");
    expect(new FrameMeter().measure(frame(65_533), 65_536)).toBe("oversize");
  });

  test("knows an oversize packet by its header, before any of the body", () => {
    expect(new FrameMeter().measure(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f), 65_536)).toBe("oversize");
    expect(new FrameMeter().measure(Uint8Array.of(0x30, 0x80, 0x80, 0x08), 65_536)).toBe("oversize");
  });

  test("refuses a remaining length of five bytes and reserved packet types", () => {
    expect(new FrameMeter().measure(Uint8Array.of(0x30, 0x80, 0x80, 0x80, 0x80), 2 ** 30)).toBe("malformed");
    expect(new FrameMeter().measure(Uint8Array.of(0x00), 64)).toBe("malformed");
    expect(new FrameMeter().measure(Uint8Array.of(0xf0), 64)).toBe("malformed");
  });

  test("finds the same whatever the chunks: exactly the first packet over the limit", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 20 }),
        fc.integer({ min: 4, max: 310 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 97 })),
        (bodies, limit, cuts) => {
          const frames = bodies.map((bytes) => frame(bytes));
          const stream = Buffer.concat(frames);
          const meter = new FrameMeter();
          let finding = "fits";
          for (let at = 0; at < stream.length && finding === "fits";) {
            const end = at + (cuts.next().value as number);
            finding = meter.measure(stream.subarray(at, end), limit);
            at = end;
          }
          expect(finding).toBe(frames.some((each) => each.length > limit) ? "oversize" : "fits");
        },
      ),
    );
  });
});

describe("guardFrames", () => {
  test("hands on what fits, raises its limit, destroys at the first packet over it", () => {
    const findings: string[] = [];
    const socket = new PassThrough();
    const guard = guardFrames(socket, 64, (finding) => findings.push(finding));
    socket.write(frame(10));
    expect(socket.read()).toHaveLength(12);
    guard.limitTo(200);
    socket.write(frame(100));
    expect(socket.read()).toHaveLength(102);
    socket.write(frame(200));
    expect(socket.read()).toBeNull();
    expect(socket.destroyed).toBe(true);
    expect(socket.read()).toBeNull();
    expect(findings).toEqual(["oversize"]);
  });
});
