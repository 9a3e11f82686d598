/** Somebody waits for something that did not come in time. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/** Tells that something changed, and lets others wait until a fact holds: no sleeps, no polling. */
export interface Changes {
  changed(): void;
  /** Calls back after every change until the returned function is called. */
  subscribe(listener: () => void): () => void;
  /**
   * Resolves with the first value of `look` that is not undefined; looks now and after every change. Rejects with a
   * DeadlineError that names `what` after `withinMs`, or with whatever `look` throws.
   */
  until<T>(what: string, withinMs: number, look: () => T | undefined): Promise<T>;
}

export function createChanges(): Changes {
  const listeners = new Set<() => void>();
  const subscribe = (listener: () => void) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  return {
    changed() {
      for (const listener of [...listeners]) listener();
    },
    subscribe,
    until<T>(what: string, withinMs: number, look: () => T | undefined) {
      return new Promise<T>((resolve, reject) => {
        const stop = () => {
          unsubscribe();
          clearTimeout(timer);
        };
        const check = () => {
          try {
            const value = look();
            if (value === undefined) return;
            stop();
            resolve(value);
          } catch (error) {
            stop();
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        };
        const unsubscribe = subscribe(check);
        const timer = setTimeout(() => {
          stop();
          reject(new DeadlineError(`${what}: nothing of it within ${withinMs / 1000} s`));
        }, withinMs);
        check();
      });
    },
  };
}
