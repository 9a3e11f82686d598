const PUBLISH = 3;

/**
 * Follows the fixed headers of what a broker sends (MQTT 3.1.1, 2.2) and keeps no bytes. The broker is not trusted: a
 * packet that announces more than the limit would be collected in memory until it is whole, and one of QoS 2 would be
 * kept until a release that need not come.
 */
export class IncomingLimit {
  readonly #maxBytes: number;
  #bodyLeft = 0;
  /** Bytes of the current fixed header seen so far; 0 between packets. */
  #headerBytes = 0;
  #length = 0;

  /** `maxBytes` bounds a packet's body, topic included. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Takes the next bytes of the stream; says what is wrong with them, or nothing. */
  refuses(chunk: Uint8Array): string | undefined {
    for (let at = 0; at < chunk.length;) {
      if (this.#bodyLeft > 0) {
        const passing = Math.min(this.#bodyLeft, chunk.length - at);
        this.#bodyLeft -= passing;
        at += passing;
        continue;
      }
      const reason = this.#takeHeader(chunk[at] as number);
      if (reason !== undefined) return reason;
      at += 1;
    }
    return undefined;
  }

  #takeHeader(byte: number): string | undefined {
    if (this.#headerBytes === 0) {
      this.#headerBytes = 1;
      this.#length = 0;
      const isQos2 = byte >> 4 === PUBLISH && (byte & 0b110) === 0b100;
      return isQos2 ? "the broker sent a message of QoS 2, which nobody asked for" : undefined;
    }
    this.#length += (byte & 0x7f) * 128 ** (this.#headerBytes - 1);
    this.#headerBytes += 1;
    if (this.#length > this.#maxBytes) return `the broker sent a packet of more than ${String(this.#maxBytes)} bytes`;
    if (byte < 0x80) {
      this.#bodyLeft = this.#length;
      this.#headerBytes = 0;
      return undefined;
    }
    return this.#headerBytes === 5 ? "the broker sent bytes that are no MQTT" : undefined;
  }
}
