interface Entry {
  /** undefined for a publish at QoS 0, which nobody acknowledges. */
  readonly messageId: number | undefined;
  readonly cost: number;
  done: boolean;
}

/** What a pending packet weighs beside its payload, in bytes. */
const overheadBytes = 256;

/**
 * The publishes of one connection that are being committed. They are worked on together, acknowledged in the order in
 * which they came (MQTT 3.1.1, 4.6) and bounded by `windowBytes` from arrival until their PUBACK has left the process,
 * so that an agent that sends without reading stops being read.
 *
 * PUBACKs that become due together, as after a group commit, leave in one write: one TLS record instead of ten.
 */
export class PubackQueue {
  readonly #entries: Entry[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #write: (bytes: Uint8Array, onFlushed: () => void) => void;
  readonly #windowBytes: number;
  #pendingBytes = 0;
  #scheduled = false;

  constructor(windowBytes: number, write: (bytes: Uint8Array, onFlushed: () => void) => void) {
    this.#windowBytes = windowBytes;
    this.#write = write;
  }

  /** Takes the next place in the order; call the returned function when the publish is committed. */
  take(messageId: number | undefined, payloadBytes: number): () => void {
    const entry: Entry = { messageId, cost: payloadBytes + overheadBytes, done: false };
    this.#entries.push(entry);
    this.#pendingBytes += entry.cost;
    return () => {
      entry.done = true;
      if (this.#scheduled || entry !== this.#entries[0]) return;
      this.#scheduled = true;
      // After the promises that one commit settles have all run.
      process.nextTick(() => {
        this.#scheduled = false;
        this.#flush();
      });
    };
  }

  /** Calls `next`, at once or as soon as the window has room for more. */
  whenRoom(next: () => void): void {
    if (this.#pendingBytes <= this.#windowBytes) next();
    else this.#waiting.push(next);
  }

  #flush(): void {
    let cost = 0;
    const ids: number[] = [];
    for (let head = this.#entries[0]; head?.done; head = this.#entries[0]) {
      this.#entries.shift();
      cost += head.cost;
      if (head.messageId !== undefined) ids.push(head.messageId);
    }
    const flushed = () => {
      this.#pendingBytes -= cost;
      while (this.#pendingBytes <= this.#windowBytes && this.#waiting.length > 0) this.#waiting.shift()?.();
    };
    if (ids.length === 0) flushed();
    else this.#write(encodePubacks(ids), flushed);
  }
}

/** PUBACK packets of MQTT 3.1.1, section 3.4, one behind the other. */
function encodePubacks(messageIds: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(messageIds.length * 4);
  messageIds.forEach((id, index) => {
    bytes.set([0x40, 2, id >> 8, id & 0xff], index * 4);
  });
  return bytes;
}
