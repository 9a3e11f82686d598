/// <reference lib="dom" />
import { act, announce } from "./actions.js";

/** The card that a visitor has in the hand: chosen by click or key, or dragged. */
export interface Hand {
  readonly card: string | undefined;
  readonly isDragging: boolean;
  /** The last choice was made by key: focus follows it. */
  readonly byKey: boolean;
  /** Takes a card, or puts it back when it is the one already held. */
  toggle(card: string, name: string): void;
  drop(): void;
  /** Lays the held card on a machine's reader. */
  placeAt(machine: string): void;
  /** Makes an element draggable as a card; `source` gives its card at that moment. */
  makeDraggable(element: HTMLElement, source: () => { card: string; name: string } | undefined): void;
}

/** Further than this and a press is a drag, not a click; px. */
const DRAG_PX = 6;

export function createHand(onChange: () => void): Hand {
  let held: string | undefined;
  let dragging = false;
  let byKey = false;

  const hold = (card: string | undefined) => {
    held = card;
    onChange();
  };
  const hand: Hand = {
    get card() {
      return held;
    },
    get isDragging() {
      return dragging;
    },
    get byKey() {
      return byKey;
    },
    toggle(card, name) {
      const takes = held !== card;
      hold(takes ? card : undefined);
      announce(takes ? `${name} in your hand: choose a reader` : `${name} put back`);
    },
    drop() {
      if (held !== undefined) hold(undefined);
    },
    placeAt(machine) {
      if (held === undefined) {
        announce("Choose a card first");
        return;
      }
      void act("place", { card: held, machine });
      hold(undefined);
    },
    makeDraggable(element, source) {
      element.addEventListener("pointerdown", (down) => {
        const from = source();
        if (down.button !== 0 || from === undefined) return;
        followPointer(element, down, from.card, (takes) => {
          dragging = takes;
          hold(takes ? from.card : undefined);
        });
      });
      // The browser's own dragging of images and text would end ours.
      element.addEventListener("dragstart", (event) => event.preventDefault());
    },
  };
  // Before the elements' own handlers: what they do depends on it.
  addEventListener(
    "keydown",
    ({ key }) => {
      byKey = true;
      if (key === "Escape") hand.drop();
    },
    { capture: true },
  );
  addEventListener("pointerdown", () => (byKey = false), { capture: true });
  return hand;
}

function followPointer(element: HTMLElement, down: PointerEvent, card: string, drag: (takes: boolean) => void): void {
  let ghost: HTMLElement | undefined;
  let over: HTMLElement | undefined;
  const box = element.getBoundingClientRect();

  const move = (event: PointerEvent) => {
    if (event.pointerId !== down.pointerId) return;
    if (!ghost) {
      if (Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) < DRAG_PX) return;
      ghost = startGhost(element, box);
      drag(true);
    }
    ghost.style.left = `${event.clientX - (down.clientX - box.left)}px`;
    ghost.style.top = `${event.clientY - (down.clientY - box.top)}px`;
    const target = machineAt(event);
    if (target === over) return;
    over?.classList.remove("over");
    target?.classList.add("over");
    over = target;
  };
  const end = (event: PointerEvent) => {
    if (event.pointerId !== down.pointerId) return;
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", end);
    removeEventListener("pointercancel", end);
    over?.classList.remove("over");
    if (!ghost) return;
    ghost.remove();
    // The click that follows a drag is none.
    element.addEventListener("click", swallow, { capture: true, once: true });
    setTimeout(() => element.removeEventListener("click", swallow, { capture: true }), 0);
    const machine = over?.dataset.machine;
    const from = element.closest<HTMLElement>("[data-machine]")?.dataset.machine;
    drag(false);
    if (event.type === "pointercancel") return;
    if (machine !== undefined && machine !== from) void act("place", { card, machine });
    else if (machine === undefined && from !== undefined) void act("take", { machine: from });
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", end);
  addEventListener("pointercancel", end);
}

function swallow(event: Event): void {
  event.stopPropagation();
  event.preventDefault();
}

function startGhost(element: HTMLElement, box: DOMRect): HTMLElement {
  const ghost = element.cloneNode(true) as HTMLElement;
  ghost.removeAttribute("id");
  ghost.classList.add("ghost");
  ghost.setAttribute("aria-hidden", "true");
  ghost.style.width = `${box.width}px`;
  document.body.append(ghost);
  getSelection()?.removeAllRanges();
  return ghost;
}

function machineAt({ clientX, clientY }: PointerEvent): HTMLElement | undefined {
  return document.elementFromPoint(clientX, clientY)?.closest<HTMLElement>("[data-machine]") ?? undefined;
}
