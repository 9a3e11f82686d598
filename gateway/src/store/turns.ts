/** One after the other: the store has one connection, and an open transaction must not meet anybody else's statements. */
export class Turns {
  #taken = false;
  readonly #waiting: (() => void)[] = [];

  begin(): Promise<void> {
    if (!this.#taken) {
      this.#taken = true;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  end(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#taken = false;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    await this.begin();
    try {
      return await task();
    } finally {
      this.end();
    }
  }
}
