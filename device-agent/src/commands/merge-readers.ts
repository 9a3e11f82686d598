import type { Reader, ReaderEvent } from "../ports.js";

/**
 * Several readers as one: their events in the order in which they come. Presentations are counted anew, so that one number
 * never names two cards.
 */
export function mergeReaders(readers: readonly Reader[]): Reader {
  let presentations = 0;
  return {
    start(onEvent) {
      for (const reader of readers) {
        /** The card in this reader's field: its own number and ours. */
        let present: { readonly own: number; readonly merged: number } | undefined;
        reader.start((event) => {
          const renumbered = renumber(event);
          if (renumbered) onEvent(renumbered);
        });

        const renumber = (event: ReaderEvent): ReaderEvent | undefined => {
          switch (event.kind) {
            case "cardPresented": {
              const { card } = event;
              present = { own: card.presentation, merged: ++presentations };
              return {
                kind: "cardPresented",
                card: {
                  presentation: present.merged,
                  reader: card.reader,
                  atr: card.atr,
                  transmit: (apdu) => card.transmit(apdu),
                },
              };
            }
            case "cardRemoved":
              if (present?.own !== event.presentation) return undefined;
              return { ...event, presentation: present.merged };
            case "readerReady":
            case "readerLost":
              return event;
          }
        };
      }
    },
    async close() {
      await Promise.all(readers.map((reader) => reader.close()));
    },
  };
}
