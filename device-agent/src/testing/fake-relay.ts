import type { Permit, Relay, Wiring } from "../ports.js";

/** The longest permit, as in the real holder (SAFETY R2). */
const LONGEST_PERMIT_MS = 500;

export const NOTHING_PERMITTED: Permit = { relay: "open", runOn: false, stop: false };

/**
 * A relay and its neighbours in memory that behave: they fall inactive by themselves when the permit runs out on the
 * injected monotonic clock and permit nothing then until they were asked to open, their holder can be hung or killed,
 * the relay's contact welded and a wiring refused.
 */
export class FakeRelay implements Relay {
  readonly #now: () => number;
  #until = Number.NEGATIVE_INFINITY;
  #what = NOTHING_PERMITTED;
  #contact: "free" | "welded" = "free";
  #holder: "answers" | "hangs" | "dead" | "closed" = "answers";
  #closures = 0;
  #permits = 0;
  #onFault: (reason: string) => void = () => {};
  #refusal: string | undefined;
  /** Why the wiring that was last asked for is not in use: no permit then, until a good one. */
  #refused: string | undefined;
  /** Every wiring that was taken into use, oldest first. */
  readonly wirings: Wiring[] = [];

  /** `now`: milliseconds of a monotonic clock. */
  constructor(now: () => number) {
    this.#now = now;
  }

  permit(ms: number, what: Permit): Promise<void> {
    if (!Number.isFinite(ms) || ms < 1) return Promise.reject(new RangeError("a permit lasts 1 to 500 ms"));
    const trouble = this.#trouble();
    if (trouble) return Promise.reject(trouble);
    if (Number.isFinite(this.#until) && this.#now() >= this.#until) {
      return Promise.reject(new Error("a permit was not renewed in time; the relay has opened"));
    }
    if (what.relay === "closed" && this.outputs.relay === "open") this.#closures += 1;
    this.#permits += 1;
    this.#what = what;
    this.#until = this.#now() + Math.min(ms, LONGEST_PERMIT_MS);
    return Promise.resolve();
  }

  open(): Promise<void> {
    const trouble = this.#trouble();
    if (this.#refused === undefined && trouble) return Promise.reject(trouble);
    this.#drop();
    return trouble ? Promise.reject(trouble) : Promise.resolve();
  }

  watch(onFault: (reason: string) => void): void {
    this.#onFault = onFault;
  }

  rewire(wiring: Wiring): Promise<void> {
    this.#drop();
    this.#refused = this.#refusal;
    const trouble = this.#trouble();
    if (trouble) return Promise.reject(trouble);
    this.wirings.push(wiring);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#drop();
    this.#holder = "closed";
    return Promise.resolve();
  }

  /** Where the relay's contact is now, the time of the last permit being up or not. */
  position(): "open" | "closed" {
    return this.#contact === "welded" ? "closed" : this.outputs.relay;
  }

  /** What is permitted now; a welded contact does not show here. */
  get outputs(): Permit {
    return this.#now() < this.#until ? this.#what : NOTHING_PERMITTED;
  }

  /** How often the relay went from open to closed; renewals do not count. */
  get closures(): number {
    return this.#closures;
  }

  /** How many permits were acknowledged, whatever they were for. */
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

  /** The holder dies with nothing asked of it: everything falls inactive, and whoever watches is told. */
  die(reason = "the relay holder ended (SIGKILL)"): void {
    this.#drop();
    this.#holder = "dead";
    this.#onFault(reason);
  }

  /** A new holder answers again; it has opened first. */
  mend(): void {
    this.#drop();
    this.#holder = "answers";
  }

  /** From now on each new wiring is refused with this sentence, and every permit after it; undefined takes it again. */
  refuseWiring(reason: string | undefined): void {
    this.#refusal = reason;
  }

  #drop(): void {
    this.#until = Number.NEGATIVE_INFINITY;
  }

  #trouble(): Error | undefined {
    switch (this.#holder) {
      case "answers":
        return this.#refused === undefined ? undefined : new Error(this.#refused);
      case "closed":
        return new Error("the relay is closed down");
      case "dead":
        return new Error("the relay holder is being started anew");
      default:
        return new Error("the relay holder did not answer within 250 ms");
    }
  }
}

/** A relay in memory on the injected monotonic clock (milliseconds). */
export function fakeRelay(now: () => number): FakeRelay {
  return new FakeRelay(now);
}
