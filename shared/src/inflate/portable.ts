import { Unzlib, zlibSync } from "fflate";

const CHUNK = 1024;

/**
 * Inflates an RFC 1950 stream; throws past `maxBytes`, on damage and where it ends early. Bounded while it inflates.
 */
export function inflate(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  const stream = { ended: false };
  const unzlib = new Unzlib((part, final) => {
    length += part.length;
    if (length > maxBytes) throw new RangeError(`more than ${maxBytes} bytes inflated`);
    parts.push(part);
    stream.ended = final;
  });
  for (let at = 0; at < bytes.length; at += CHUNK)
    unzlib.push(bytes.subarray(at, at + CHUNK), at + CHUNK >= bytes.length);
  if (!stream.ended) throw new RangeError("the compressed data end early");
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  // The library leaves the checksum at the end unread, and with it whatever follows the compressed data.
  const sum = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4).getUint32(0);
  if (sum !== adler32(whole)) throw new RangeError("the checksum of the compressed data does not hold");
  return whole;
}

/** RFC 1950, section 8.2. */
function adler32(bytes: Uint8Array): number {
  let [low, high] = [1, 0];
  for (const byte of bytes) {
    low = (low + byte) % 65_521;
    high = (high + low) % 65_521;
  }
  return high * 65_536 + low;
}

export function deflate(bytes: Uint8Array): Uint8Array {
  return zlibSync(bytes, { level: 9 });
}
