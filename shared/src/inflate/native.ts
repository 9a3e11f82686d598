import { deflateSync, inflateSync } from "node:zlib";

/** Inflates an RFC 1950 stream; throws past `maxBytes`, on damage and on trailing bytes. */
export function inflate(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const { buffer, engine } = inflateSync(bytes, { maxOutputLength: Math.max(maxBytes, 1), info: true }) as unknown as {
    buffer: Buffer;
    engine: { bytesWritten: number };
  };
  if (engine.bytesWritten !== bytes.length) throw new RangeError("bytes follow the compressed data");
  return new Uint8Array(buffer);
}

export function deflate(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(deflateSync(bytes, { level: 9 }));
}
