import type { Relay } from "../ports.js";

/** The longest permit, as in the real holder (SAFETY R2). */
const LONGEST_PERMIT_MS = 500;

/**
 * A relay in memory that behaves: it opens by itself when its permit runs out on the injected monotonic clock, its
 * holder can be hung and its contact welded.
 */
export class FakeRelay implements Relay {
  readonly #now: () => number;
  #until = Number.NEGATIVE_INFINITY;
  #contact: "free" | "welded" = "free";
  #holder: "answers" | "hangs" | "closed" = "answers";
  #closures = 0;
  #permits = 0;

  /** `now`: milliseconds of a monotonic clock. */
  constructor(now: () => number) {
    this.#now = now;
  }

  permit(ms: number): Promise<void> {
    if (this.#holder !== "answers") return Promise.reject(this.#trouble());
    if (!this.#isPermitted) this.#closures += 1;
    this.#permits += 1;
    this.#until = this.#now() + Math.min(ms, LONGEST_PERMIT_MS);
    return Promise.resolve();
  }

  open(): Promise<void> {
    if (this.#holder !== "answers") return Promise.reject(this.#trouble());
    this.#until = Number.NEGATIVE_INFINITY;
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#until = Number.NEGATIVE_INFINITY;
    this.#holder = "closed";
    return Promise.resolve();
  }

  /** Where the contact is now, the time of the last permit being up or not. */
  position(): "open" | "closed" {
    return this.#contact === "welded" || this.#isPermitted ? "closed" : "open";
  }

  /** How often the relay went from open to permitted; renewals do not count. */
  get closures(): number {
    return this.#closures;
  }

  /** How many permits were acknowledged. */
  get permits(): number {
    return this.#permits;
  }

  /** From now on the contact stays closed, whatever is asked. */
  weld(): void {
    this.#contact = "welded";
  }

  /** From now on nothing is acknowledged; the running permit still runs out. */
  hang(): void {
    this.#holder = "hangs";
  }

  /** A new holder answers again; it has opened first. */
  mend(): void {
    this.#until = Number.NEGATIVE_INFINITY;
    this.#holder = "answers";
  }

  get #isPermitted(): boolean {
    return this.#now() < this.#until;
  }

  #trouble(): Error {
    return new Error(
      this.#holder === "closed" ? "the relay is closed down" : "the relay holder did not answer within 250 ms",
    );
  }
}

/** A relay in memory on the injected monotonic clock (milliseconds). */
export function fakeRelay(now: () => number): FakeRelay {
  return new FakeRelay(now);
}
