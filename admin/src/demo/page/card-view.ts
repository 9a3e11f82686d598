/// <reference lib="dom" />
import type { CardState, DemoState } from "../demo-state.js";
import { act } from "./actions.js";
import { make, setAttribute, setText } from "./dom.js";
import type { Hand } from "./hand.js";
import { cardName } from "./machine-view.js";

export interface CardView {
  readonly element: HTMLElement;
  update(card: CardState, state: DemoState): void;
}

const tags: Readonly<Record<CardState["kind"], string>> = {
  person: "",
  blank: "",
  copied: "Copied card",
  edited: "Edited badge",
  expired: "Ended",
  ended: "Partly ended",
  foreign: "Unknown issuer",
};

export function createCardView(first: CardState, hand: Hand): CardView {
  let card = first;
  const tag = make("span", { class: "tag" });
  const name = make("span", { class: "name" });
  const trainings = make("span", { class: "trainings" });
  const note = make("span", { class: "note" });
  const state = make("span");
  const button = make(
    "button",
    { type: "button", class: "card", "data-card": first.id, "data-kind": first.kind },
    tag,
    name,
    trainings,
    note,
    make("span", { class: "foot" }, state, make("span", { "aria-hidden": "true" }, `…${first.uidEnd}`)),
  );
  button.addEventListener("click", () => hand.toggle(card.id, cardName(card)));
  hand.makeDraggable(button, () => ({ card: card.id, name: card.name }));

  const withdraw = make("button", { type: "button", class: "withdraw" }, "Withdraw this badge");
  withdraw.addEventListener("click", () => void act("withdraw", { card: card.id }));
  const element = make("li", { class: "card-place" }, button, withdraw);

  return {
    element,
    update(now, whole) {
      card = now;
      const word = now.state !== "" && now.kind === "person" ? capital(now.state) : tags[now.kind];
      tag.hidden = word === "";
      setText(tag, word);
      button.classList.toggle("odd", now.kind !== "person" && now.kind !== "blank");
      button.classList.toggle("away", now.at !== null);
      setAttribute(button, "data-kind", now.kind);
      setAttribute(button, "aria-pressed", String(hand.card === now.id));
      setText(name, cardName(now));
      setText(trainings, now.trainings.join(", "));
      setText(note, now.note);
      setText(state, placeText(now, whole));
      withdraw.hidden = !now.withdrawable;
      setAttribute(withdraw, "aria-label", `Withdraw the badge of ${now.name}`);
    },
  };
}

function placeText(card: CardState, state: DemoState): string {
  const machine = state.machines.find(({ id }) => id === card.at);
  return machine ? `at the ${machine.name}` : "";
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
