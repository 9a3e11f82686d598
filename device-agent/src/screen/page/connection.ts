/// <reference lib="dom" />
import type { PageView } from "../page-state.js";
import { byId } from "./dom.js";

export interface ConnectionHandlers {
  readonly onViews: (views: readonly PageView[]) => void;
  readonly onLeft: (leftMs: number | null) => void;
}

const RETRY_MS = 1_000;

/**
 * The event stream, and what stands on the page without it. The cover that says so comes by an animation that every
 * beat starts anew: it comes also where this script hangs, so that nobody reads "enabled" off a page that knows
 * nothing.
 */
export function connect(handlers: ConnectionHandlers): void {
  const cover = byId("lost");
  cover.addEventListener("animationend", () => setLost(true));
  open(handlers);
}

function open(handlers: ConnectionHandlers): void {
  const stream = new EventSource("/events");
  stream.addEventListener("views", ({ data }: MessageEvent<string>) =>
    handlers.onViews(JSON.parse(data) as readonly PageView[]),
  );
  stream.addEventListener("beat", ({ data }: MessageEvent<string>) => {
    const { leftMs } = JSON.parse(data) as { readonly leftMs: number | null };
    handlers.onLeft(leftMs);
    stillThere();
  });
  stream.addEventListener("error", () => {
    // A new start has new files and a new token: the page is loaded anew as soon as somebody answers.
    stream.close();
    setTimeout(() => void reopen(handlers), RETRY_MS);
  });
}

async function reopen(handlers: ConnectionHandlers): Promise<void> {
  const page = await fetch("/").then(
    (response) => (response.ok ? response.text() : undefined),
    () => undefined,
  );
  if (page === undefined) setTimeout(() => void reopen(handlers), RETRY_MS);
  else if (page.includes(document.body.dataset.page ?? "")) open(handlers);
  else location.reload();
}

function stillThere(): void {
  for (const animation of byId("lost").getAnimations()) {
    animation.currentTime = 0;
    animation.play();
  }
  setLost(false);
}

function setLost(isLost: boolean): void {
  const { body } = document;
  if (body.dataset.lost === String(isLost)) return;
  body.dataset.lost = String(isLost);
  byId("lost").setAttribute("aria-hidden", String(!isLost));
  for (const covered of document.querySelectorAll("header, main, footer, dialog")) {
    covered.toggleAttribute("inert", isLost);
  }
}
