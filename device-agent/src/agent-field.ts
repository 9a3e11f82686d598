import type { Card, ReaderEvent } from "./ports.js";

/** A card found within so long of its reader lay there before: it must be seen absent first (SAFETY R6). */
export const SETTLE_MS = 150;

type Sight =
  | { readonly kind: "arrived"; readonly card: Card }
  /** It lay there when the reader came. */
  | { readonly kind: "found" }
  | { readonly kind: "left"; readonly reader: string; readonly presentation: number }
  | { readonly kind: "readersGone"; readonly reader: string }
  | { readonly kind: "readerGone"; readonly reader: string }
  | { readonly kind: "readerBack"; readonly reader: string }
  | { readonly kind: "nothing" };

/** Keeps in mind which readers there are and what lies on them. */
export class Field {
  /** Since when each reader is there. */
  readonly #readySinceMs = new Map<string, number>();
  readonly #present = new Map<string, number>();

  see(event: ReaderEvent, atMs: number): Sight {
    switch (event.kind) {
      case "readerReady":
        this.#readySinceMs.set(event.reader, atMs);
        this.#present.delete(event.reader);
        return { kind: "readerBack", reader: event.reader };
      case "readerLost":
        this.#readySinceMs.delete(event.reader);
        this.#present.delete(event.reader);
        return { kind: this.#readySinceMs.size === 0 ? "readersGone" : "readerGone", reader: event.reader };
      case "cardPresented": {
        const { reader, presentation } = event.card;
        this.#present.set(reader, presentation);
        const sinceMs = this.#readySinceMs.get(reader);
        if (sinceMs === undefined || atMs - sinceMs < SETTLE_MS) return { kind: "found" };
        return { kind: "arrived", card: event.card };
      }
      case "cardRemoved":
        if (this.#present.get(event.reader) !== event.presentation) return { kind: "nothing" };
        this.#present.delete(event.reader);
        return { kind: "left", reader: event.reader, presentation: event.presentation };
    }
  }

  isPresent({ reader, presentation }: Pick<Card, "reader" | "presentation">): boolean {
    return this.#present.get(reader) === presentation;
  }
}
