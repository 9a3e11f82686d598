import { type LineDriver, type LinesConfig, type Opener, type OutputLine, type OutputName, OUTPUTS } from "./line.js";

const LONGEST_PERMIT_MS = 500;
/** Half a period of the alive output's 10 Hz. */
const BEAT_MS = 50;

/** What a permit may name; the alive output follows the relay. */
export const PERMITTED: readonly OutputName[] = ["relay", "runOn", "stop"];

/** The clock that all processes of the machine share. */
export const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000_000n);

/**
 * The outputs that fail inactive (SAFETY R2): active only for a permit of at most 500 ms. Each change lets go first,
 * with the relay at the head, and switches on last, with the relay at the end. Throws what a line throws: its holder
 * ends then.
 */
export class FailSafeOutputs {
  readonly #lines = new Map<OutputName, OutputLine>();
  #untilMs = Number.NEGATIVE_INFINITY;
  #deadline: NodeJS.Timeout | undefined;
  #beat: NodeJS.Timeout | undefined;
  #beatLevel = false;
  /** A permit ran out: the machine has stopped, and must not start again by a late renewal. */
  #hasLapsed = false;

  /** Opens each line inactive, the relay's first. */
  constructor(driver: LineDriver, wired: LinesConfig["outputs"]) {
    for (const name of OUTPUTS) {
      const pin = wired[name];
      if (pin) this.#lines.set(name, driver.openOutput(name, pin));
    }
  }

  get openers(): readonly Opener[] {
    return [...this.#lines.values()].flatMap(({ opener }) => (opener ? [opener] : []));
  }

  get isPermitted(): boolean {
    return this.#deadline !== undefined;
  }

  /**
   * False, and all inactive, where the permit is over already, or one ran out and nobody has asked to let go since:
   * what opened by itself never closes by itself (SAFETY R5).
   */
  permit(ms: number, sentAt: number, wanted: ReadonlySet<string>): boolean {
    const nowMs = monotonicMs();
    // A clock that does not agree with ours must not lengthen the permit.
    const leftMs = Math.min(ms, LONGEST_PERMIT_MS, sentAt + ms - nowMs);
    // By the clock: a process that stood still hears of the permit before its own timer.
    if (!(leftMs > 0) || (this.isPermitted && nowMs >= this.#untilMs)) this.#lapse();
    if (this.#hasLapsed) return false;
    if (wanted.has("relay") && !this.#lines.has("relay")) throw new Error("a permit for a relay that is not wired");
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.#lapse(), leftMs);
    this.#untilMs = nowMs + leftMs;
    for (const name of PERMITTED) if (!wanted.has(name)) this.#lines.get(name)?.set(false);
    if (wanted.has("relay")) this.#startBeat();
    else this.#stopBeat();
    for (const name of PERMITTED.toReversed()) if (wanted.has(name)) this.#lines.get(name)?.set(true);
    return true;
  }

  /** Every output inactive: each is tried, whatever becomes of the others. Throws the first error then. */
  release(): void {
    this.#letGo();
    this.#hasLapsed = false;
  }

  #lapse(): void {
    this.#hasLapsed = true;
    this.#letGo();
  }

  #letGo(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
    this.#untilMs = Number.NEGATIVE_INFINITY;
    clearInterval(this.#beat);
    this.#beat = undefined;
    const errors: unknown[] = [];
    for (const line of this.#lines.values()) {
      try {
        line.set(false);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  #startBeat(): void {
    const alive = this.#lines.get("alive");
    if (!alive || this.#beat) return;
    this.#beat = setInterval(() => {
      // Bound to the permit itself, not to the timer that ends it.
      this.#beatLevel = !this.#beatLevel && monotonicMs() < this.#untilMs;
      alive.set(this.#beatLevel);
    }, BEAT_MS);
  }

  #stopBeat(): void {
    clearInterval(this.#beat);
    this.#beat = undefined;
    this.#lines.get("alive")?.set(false);
  }
}
