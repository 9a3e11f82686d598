import type { InputName, InputReport, Inputs } from "../ports.js";

/**
 * The machine's contacts, moved by the test. What was set before `start` is reported at the start, as the holder does.
 */
export class FakeInputs implements Inputs {
  readonly #levels = new Map<InputName, InputReport>();
  #onReport: ((report: InputReport) => void) | undefined;

  start(onReport: (report: InputReport) => void): void {
    this.#onReport = onReport;
    for (const report of this.#levels.values()) onReport(report);
  }

  /** A contact settles; one that stood so already is not reported again. */
  set(input: InputName, active: boolean): void {
    const before = this.#levels.get(input);
    if (before?.kind === "changed" && before.active === active) return;
    this.#report({ kind: "changed", input, active });
  }

  /** A button is pressed and let go. */
  press(input: InputName): void {
    this.set(input, true);
    this.set(input, false);
  }

  /** Nobody can tell any more how the contact stands. */
  lose(input: InputName, reason = "it chatters"): void {
    this.#report({ kind: "lost", input, reason });
  }

  #report(report: InputReport): void {
    this.#levels.set(report.input, report);
    this.#onReport?.(report);
  }
}

/** The named contacts stand as given, and are reported when the agent starts. */
export function fakeInputs(standing: Partial<Record<InputName, boolean>> = {}): FakeInputs {
  const inputs = new FakeInputs();
  for (const [input, active] of Object.entries(standing)) inputs.set(input as InputName, active);
  return inputs;
}
