import type { LiveEvent } from "@badgekey/shared";

/** Hands what happens to whoever listens now; nothing is kept. */
export class LiveEvents {
  readonly #listeners = new Set<(event: LiveEvent) => void>();

  get listeners(): number {
    return this.#listeners.size;
  }

  announce(event: LiveEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Returns how to stop listening. */
  listen(listener: (event: LiveEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}
