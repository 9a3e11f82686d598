/** Keeps what happened and lets a test wait for it without sleeping. */
export class Events<T> {
  readonly all: T[] = [];
  readonly #waiting = new Set<() => void>();

  add(event: T): void {
    this.all.push(event);
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves with the first `count` events once there are so many. */
  async first(count: number): Promise<readonly T[]> {
    await this.until((all) => all.length >= count);
    return this.all.slice(0, count);
  }

  /** Resolves once `holds` is true of what happened so far. */
  async until(holds: (all: readonly T[]) => boolean): Promise<void> {
    while (!holds(this.all)) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }
}
