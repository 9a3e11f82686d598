/// <reference lib="dom" />
import type { CardState, DemoState, MachineState } from "../demo-state.js";
import { act, announce } from "./actions.js";
import { drawing, make, setAttribute, setText } from "./dom.js";
import type { Hand } from "./hand.js";

/** One machine on the page: made once, then updated, so that focus and reading position stay. */
export interface MachineView {
  readonly element: HTMLElement;
  update(machine: MachineState, state: DemoState): void;
}

const signs: Readonly<Record<string, string>> = {
  ready: "•",
  reading: "…",
  busy: "…",
  enabled: "✓",
  warning: "!",
  refused: "✕",
  outOfService: "–",
  attention: "!",
};

/** Line drawings of the demo's machines, 24 × 24. */
const pictures: Readonly<Record<string, readonly { readonly d: string }[]>> = {
  "laser-1": [{ d: "M4 4h16v4H4z" }, { d: "M12 8v7" }, { d: "M8.5 18.5 12 15l3.5 3.5" }, { d: "M5 21h14" }],
  "printer-1": [{ d: "M4 3v18h16V3z" }, { d: "M4 7h16" }, { d: "M10 7v3l2 2 2-2V7" }, { d: "M8 17h8v-3H8z" }],
  "saw-1": [{ d: "M5 3h14v5H5z" }, { d: "M5 16h14v5H5z" }, { d: "M9 8v8" }, { d: "M15 8l-1.5 2 1.5 2-1.5 2 1.5 2" }],
};

export function createMachineView(first: MachineState, hand: Hand): MachineView {
  let machine = first;
  let card: CardState | undefined;
  const { id } = first;

  const plug = make("button", { type: "button", class: "plug", role: "switch" });
  const plugText = make("span", { class: "plug-text" });
  plug.append(make("span", { class: "plug-icon", "aria-hidden": "true" }), plugText);
  plug.addEventListener("click", () => void act("plug", { target: id, plugged: !machine.plugged }));

  const lampText = make("span");
  const lamp = make("p", { class: "lamp" }, drawing({ d: "M12 3v8" }, { d: "M7 6.5a7.5 7.5 0 1 0 10 0" }), lampText);
  const asksFor = make("p");
  const title = make("h2", { id: `title-${id}` }, first.name);
  const picture = drawing(...(pictures[id] ?? []));
  picture.setAttribute("class", "picture");

  const screenSign = make("span", { class: "sign", "aria-hidden": "true" });
  const headline = make("p", { class: "headline" });
  const detail = make("p", { class: "detail" });
  const next = make("p", { class: "next" });
  const screen = make(
    "div",
    { class: "screen", role: "group", "aria-label": `Screen of ${first.name}` },
    screenSign,
    make("div", {}, headline, detail, next),
  );

  const readerName = make("strong");
  const readerHint = make("span", { class: "hint" });
  const reader = make(
    "button",
    { type: "button", class: "reader" },
    drawing({ d: "M4 5h9v14H4z" }, { d: "M16 9a4 4 0 0 1 0 6" }, { d: "M18.5 6.5a8 8 0 0 1 0 11" }),
    make("span", {}, readerName, make("br"), readerHint),
  );
  reader.addEventListener("click", () => {
    if (hand.card !== undefined) hand.placeAt(id);
    else if (card && machine.presence === "hold") void act("take", { machine: id });
    else announce("Choose a card first");
  });
  hand.makeDraggable(reader, () => (card ? { card: card.id, name: card.name } : undefined));

  const decision = make("p", { class: "decision" });
  const waiting = make("p", { class: "waiting" });
  const service = make("button", { type: "button" });
  service.addEventListener("click", () => {
    void act("out-of-service", { machine: id, out: machine.outOfService === null });
  });

  const element = make(
    "article",
    { class: "machine", "data-machine": id, "aria-labelledby": `title-${id}` },
    make("div", { class: "cable" }, plug),
    make(
      "div",
      { class: "machine-body" },
      make("div", { class: "machine-head" }, picture, make("div", { class: "machine-name" }, title, asksFor), lamp),
      screen,
      reader,
      make("div", { class: "facts" }, decision, waiting),
      make("div", { class: "machine-foot" }, service),
    ),
  );

  function update(now: MachineState, state: DemoState): void {
    const said = screenText(machine);
    const first = machine === now;
    machine = now;
    card = state.cards.find((one) => one.id === now.card);
    const on = now.relay === "closed";
    element.classList.toggle("cut", !now.connected);
    element.classList.toggle("enabled", on);
    setText(asksFor, `asks for: ${now.asksFor}`);

    setAttribute(plug, "aria-checked", String(now.plugged));
    const through = now.plugged && state.gateway.plugged;
    const plugged = !now.plugged ? "Plug pulled" : through && !now.connected ? "Reconnecting …" : "Network plugged in";
    setAttribute(plug, "aria-label", `${plugged}: ${now.name}`);
    setText(plugText, plugged);

    lamp.classList.toggle("on", on);
    setText(lampText, on ? "Enabled" : now.relay === "open" ? "Off" : "Off, not seen");

    const tone = now.running ? (now.screen?.tone ?? "busy") : "attention";
    setAttribute(screen, "data-tone", tone);
    setText(screenSign, signs[tone] ?? "");
    setText(headline, now.running ? (now.screen?.headline ?? "Starting …") : "Machine controller stopped");
    setText(detail, now.running ? (now.screen?.detail ?? "") : "Restart the demo to start it again.");
    setText(next, now.running ? (now.screen?.next ?? "") : "");
    if (!first && screenText(now) !== said) announce(`${now.name}: ${screenText(now)}`);

    updateReader(now, state);
    showDecision(now);
    showWaiting(now);
    setText(service, now.outOfService === null ? "Take out of service" : "Put back into service");
  }

  function updateReader(now: MachineState, state: DemoState): void {
    const held = state.cards.find((one) => one.id === hand.card);
    reader.classList.toggle("ready", held !== undefined);
    reader.classList.toggle("filled", card !== undefined);
    setText(readerName, card ? cardName(card) : now.writing ? "Writing a card" : "Reader");
    const free = now.presence === "hold" ? "Put a card in: it stays in" : "Hold a card here";
    const busy = now.writing
      ? "keep the card still"
      : now.presence === "hold"
        ? "card is in: press to take it out"
        : "reading";
    setText(readerHint, card ? busy : held ? `Tap with ${cardName(held)}` : free);
    setAttribute(
      reader,
      "aria-label",
      `Reader of ${now.name}: ${card ? `${cardName(card)}, ` : ""}${readerHint.textContent}`,
    );
  }

  function showWaiting({ waiting: { count, of } }: MachineState): void {
    const text = `${count} ${of}${count === 1 ? "" : "s"}`;
    if (waiting.dataset.shown === text) return;
    waiting.dataset.shown = text;
    const stored = [make("strong", {}, text), " stored at the machine, not yet delivered"];
    waiting.replaceChildren(...(count > 0 ? stored : []));
  }

  function showDecision(now: MachineState): void {
    const made = now.decision;
    const key = made ? String(made.count) : "";
    if (decision.dataset.count === key) return;
    decision.dataset.count = key;
    if (!made) {
      decision.replaceChildren("No tap yet");
      return;
    }
    const word = made.accepted ? "Accepted" : "Refused";
    decision.replaceChildren(
      `${word}, decided in `,
      make("strong", {}, `${made.ms.toFixed(made.ms < 10 ? 2 : 1)} ms`),
      ...(made.accepted ? [] : [" ", make("code", {}, made.code)]),
    );
  }

  return { element, update };
}

export function cardName(card: CardState): string {
  return card.kind === "blank" ? "Blank card" : card.name;
}

function screenText({ screen }: MachineState): string {
  return screen ? [screen.headline, screen.detail, screen.next].filter((part) => part !== "").join(". ") : "";
}
