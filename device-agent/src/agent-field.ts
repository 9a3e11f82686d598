import type { Card, ReaderEvent } from "./ports.js";

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
  readonly #ready = new Set<string>();
  readonly #present = new Map<string, number>();

  see(event: ReaderEvent): Sight {
    switch (event.kind) {
      case "readerReady":
        this.#ready.add(event.reader);
        this.#present.delete(event.reader);
        return { kind: "readerBack", reader: event.reader };
      case "readerLost":
        this.#ready.delete(event.reader);
        this.#present.delete(event.reader);
        return { kind: this.#ready.size === 0 ? "readersGone" : "readerGone", reader: event.reader };
      case "cardFound":
        return { kind: "found" };
      case "cardPresented": {
        const { reader, presentation } = event.card;
        this.#present.set(reader, presentation);
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
