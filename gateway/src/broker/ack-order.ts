interface Turn {
  release: (() => void) | undefined;
}

/**
 * Lets the publishes of one connection be worked on together and acknowledged in the order in which they came
 * (MQTT 3.1.1, 4.6), whatever order the commits end in.
 */
export class AckOrder {
  readonly #turns: Turn[] = [];

  /** Takes the next place. The returned function is called when the work is done; `release` runs when its turn has come. */
  take(): (release: () => void) => void {
    const turn: Turn = { release: undefined };
    this.#turns.push(turn);
    return (release) => {
      turn.release = release;
      let head = this.#turns[0];
      while (head?.release) {
        this.#turns.shift();
        head.release();
        head = this.#turns[0];
      }
    };
  }
}
