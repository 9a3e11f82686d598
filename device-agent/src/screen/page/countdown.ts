/// <reference lib="dom" />
import { byId } from "./dom.js";

/** Shorter times are told by the second. */
const BY_SECOND_MS = 10 * 60_000;
const MOST_SHOWN_MS = 100 * 3_600_000;

/** "1 h 58", "58 min", "4:59". */
export function leftText(leftMs: number): string {
  const seconds = Math.ceil(leftMs / 1000);
  const minutes = Math.floor(seconds / 60);
  const twoDigits = (number: number): string => String(number).padStart(2, "0");
  if (leftMs < BY_SECOND_MS) return `${minutes}:${twoDigits(seconds % 60)}`;
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)}`;
}

/** Counts down by the browser's own steady clock, put right with every beat. */
export class Countdown {
  #endsMs: number | undefined;

  constructor() {
    setInterval(() => this.#show(), 250);
  }

  set(leftMs: number | null): void {
    this.#endsMs = leftMs === null ? undefined : performance.now() + leftMs;
    this.#show();
  }

  #show(): void {
    const leftMs = this.#endsMs === undefined ? undefined : Math.max(0, this.#endsMs - performance.now());
    const isShown = leftMs !== undefined && leftMs < MOST_SHOWN_MS;
    byId("countdown").hidden = !isShown;
    if (!isShown) return;
    const text = leftText(leftMs);
    const left = byId("left");
    if (left.textContent !== text) left.textContent = text;
  }
}
