import type { Duplex } from "node:stream";

/** What a chunk of bytes turned out to be: within the limit, a packet over it, or no MQTT at all. */
export type FrameFinding = "fits" | "oversize" | "malformed";

/**
 * Follows the fixed headers of an MQTT 3.1.1 byte stream (section 2.2) and keeps no bytes: a packet that announces
 * more than the limit is known by its first five bytes, before anyone collects its body.
 */
export class FrameMeter {
  /** Body bytes of the current packet that have not passed yet. */
  #bodyLeft = 0;
  /** Bytes of the current fixed header seen so far; 0 between packets. */
  #headerBytes = 0;
  #bodyBytes = 0;

  /** Measures the next bytes of the stream. `maxBytes` bounds a whole packet, header included. */
  measure(chunk: Uint8Array, maxBytes: number): FrameFinding {
    let at = 0;
    while (at < chunk.length) {
      if (this.#bodyLeft > 0) {
        const passing = Math.min(this.#bodyLeft, chunk.length - at);
        this.#bodyLeft -= passing;
        at += passing;
        continue;
      }
      const finding = this.#header(chunk[at] as number, maxBytes);
      if (finding !== "fits") return finding;
      at += 1;
    }
    return "fits";
  }

  #header(byte: number, maxBytes: number): FrameFinding {
    if (this.#headerBytes === 0) {
      const type = byte >> 4;
      if (type === 0 || type === 15) return "malformed"; // reserved in 3.1.1
      this.#headerBytes = 1;
      this.#bodyBytes = 0;
      return "fits";
    }
    this.#bodyBytes += (byte & 0x7f) * 128 ** (this.#headerBytes - 1);
    this.#headerBytes += 1;
    const more = byte >= 0x80;
    if (more && this.#headerBytes === 5) return "malformed"; // a remaining length has at most four bytes
    if (this.#headerBytes + this.#bodyBytes > maxBytes) return "oversize";
    if (more) return "fits";
    this.#bodyLeft = this.#bodyBytes;
    this.#headerBytes = 0;
    return "fits";
  }
}

export interface FrameGuard {
  /** Sets the bound on packets that follow, in bytes. */
  limitTo(maxBytes: number): void;
}

/**
 * Puts a FrameMeter between `socket` and whoever calls its `read()`. A chunk with a packet over the limit is never
 * handed out: `onRefused` is called once and the socket destroyed.
 *
 * It measures inside `read()` instead of being a stream of its own: a second Duplex would copy every chunk through a
 * second buffer and hide the TLS socket that the broker asks for its certificate. What was received but not read is
 * already bounded by the socket's high-water mark.
 */
export function guardFrames(
  socket: Duplex,
  maxBytes: number,
  onRefused: (finding: Exclude<FrameFinding, "fits">) => void,
): FrameGuard {
  const meter = new FrameMeter();
  let limit = maxBytes;
  let refused = false;
  const readUnguarded = socket.read.bind(socket) as (size?: number) => Uint8Array | null;
  socket.read = (size?: number): Uint8Array | null => {
    const chunk = readUnguarded(size);
    if (refused) return null;
    if (chunk === null) return null;
    const finding = meter.measure(chunk, limit);
    if (finding === "fits") return chunk;
    refused = true;
    onRefused(finding);
    socket.destroy();
    return null;
  };
  return {
    limitTo(next) {
      limit = next;
    },
  };
}
