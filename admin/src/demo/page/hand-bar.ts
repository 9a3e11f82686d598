/// <reference lib="dom" />
import type { DemoState } from "../demo-state.js";
import { make, setText } from "./dom.js";
import type { Hand } from "./hand.js";
import { cardName } from "./machine-view.js";

/**
 * The bar that appears with a card in the hand: every reader one press away, on a phone and by keyboard too. It takes
 * the focus when the card was chosen by key, and gives it back.
 */
export function createHandBar(hand: Hand, bar: HTMLElement): (state: DemoState) => void {
  const words = make("span");
  const readers = make("span", { class: "buttons" });
  const back = make("button", { type: "button" }, "Put back");
  back.addEventListener("click", () => hand.drop());
  bar.append(words, readers, back);
  let shownFor: string | undefined;
  let cameFrom: Element | null = null;

  return (state) => {
    if (readers.childElementCount === 0) {
      for (const { id, name } of state.machines) {
        const button = make("button", { type: "button", class: "primary" }, name);
        button.addEventListener("click", () => hand.placeAt(id));
        readers.append(button);
      }
    }
    const card = hand.isDragging ? undefined : state.cards.find(({ id }) => id === hand.card);
    if (card?.id === shownFor) return;
    if (card && shownFor === undefined) cameFrom = document.activeElement;
    shownFor = card?.id;
    const hadFocus = bar.contains(document.activeElement);
    bar.hidden = card === undefined;
    if (card) {
      setText(words, `${cardName(card)} in your hand. Tap at:`);
      if (hand.byKey) readers.querySelector("button")?.focus();
    } else if (hadFocus && cameFrom instanceof HTMLElement) {
      cameFrom.focus();
    }
  };
}
