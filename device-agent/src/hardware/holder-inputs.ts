import type { InputName, InputReport, Inputs } from "../ports.js";

/** The contacts as the newest holder process reports them; outlives each of them. */
export class HolderInputs implements Inputs {
  /** The last report of each contact that is wired now. */
  readonly #last = new Map<InputName, InputReport>();
  #onReport: (report: InputReport) => void = () => {};
  #onNews: () => void = () => {};

  /** What was reported before is told again, so that nothing is missed. */
  start(onReport: (report: InputReport) => void): void {
    this.#onReport = onReport;
    for (const report of [...this.#last.values()]) onReport(report);
  }

  take(report: InputReport): void {
    this.#last.set(report.input, report);
    this.#onReport(report);
    this.#onNews();
  }

  /** The holder is gone: nobody knows how the contacts stand until the next one reports them. */
  lose(reason: string): void {
    for (const { kind, input } of [...this.#last.values()]) {
      if (kind === "changed") this.take({ kind: "lost", input, reason });
    }
  }

  /** A new holder begins: what was known of old wiring says nothing of the new one. */
  forget(): void {
    this.#last.clear();
  }

  /**
   * Resolves when each of these has been reported since `forget`, or after `ms`: nothing is decided by what stood
   * before.
   */
  reported(names: readonly InputName[], ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => done(), ms);
      const done = (): void => {
        clearTimeout(timer);
        this.#onNews = () => {};
        resolve();
      };
      this.#onNews = () => {
        if (names.every((name) => this.#last.has(name))) done();
      };
      this.#onNews();
    });
  }
}
