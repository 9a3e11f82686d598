import { setStatus } from "@badgekey/shared";
import type { BadgeStore, HeldState } from "./ports.js";

/** Statuses a list has from its first day: a badge issued later lies inside the list agents hold. */
export const STATUS_CAPACITY = 1 << 17;

/** The issuer's statuses in memory, 2 bits each, and which badges no published list holds yet. */
export class StatusBits {
  readonly #packed = new Uint8Array(STATUS_CAPACITY / 4);
  #changed = new Set<string>();

  /** Reads every badge that is not plainly valid. `isStale` then says whether the published list misses one. */
  static async load(store: BadgeStore, issuer: string): Promise<StatusBits> {
    const bits = new StatusBits();
    for (const { id, statusIndex, state, statusVersion } of await store.marked(issuer)) {
      if (statusVersion === null) bits.mark(id, statusIndex, state);
      else setStatus(bits.#packed, statusIndex, listStatus(state));
    }
    return bits;
  }

  get isStale(): boolean {
    return this.#changed.size > 0;
  }

  mark(badge: string, statusIndex: number, state: HeldState): void {
    setStatus(this.#packed, statusIndex, listStatus(state));
    this.#changed.add(badge);
  }

  snapshot(): { readonly packed: Uint8Array; readonly badges: readonly string[]; putBack(): void } {
    const badges = [...this.#changed];
    this.#changed = new Set();
    return {
      packed: this.#packed.slice(),
      badges,
      putBack: () => {
        for (const badge of badges) this.#changed.add(badge);
      },
    };
  }
}

function listStatus(state: HeldState): "valid" | "revoked" | "suspended" | "superseded" {
  return state === "awaitingCard" ? "valid" : state;
}
