/**
 * Who may use the store's one connection: either one holder alone, because an open transaction must not meet anybody
 * else's statements, or any number of those whose questions are transactions in themselves. First come, first served.
 */
export class Turns {
  #alone = false;
  #together = 0;
  readonly #waiting: { readonly shared: boolean; readonly start: () => void }[] = [];

  begin(): Promise<void> {
    return this.#enter(false);
  }

  end(): void {
    this.#alone = false;
    this.#admit();
  }

  /** Alone. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    await this.#enter(false);
    try {
      return await task();
    } finally {
      this.end();
    }
  }

  /** Beside others who share. */
  async share<T>(task: () => Promise<T>): Promise<T> {
    await this.#enter(true);
    try {
      return await task();
    } finally {
      this.#together -= 1;
      this.#admit();
    }
  }

  #enter(shared: boolean): Promise<void> {
    return new Promise((start) => {
      this.#waiting.push({ shared, start });
      this.#admit();
    });
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next && !this.#alone; next = this.#waiting[0]) {
      if (!next.shared && this.#together > 0) return;
      this.#waiting.shift();
      if (next.shared) this.#together += 1;
      else this.#alone = true;
      next.start();
    }
  }
}
