import type { AgentContext } from "./agent-context.js";
import { type RepeatedFacts, gapRecord } from "./agent-refusals.js";
import type { JournalEvent, JournalStorage } from "./ports.js";

/** Follows what the journal tells of its room and of its health (SAFETY R19, R20). */
export class StorageWatch {
  readonly #context: AgentContext;
  readonly #repeated: RepeatedFacts;
  #isFirst = true;
  #told: JournalStorage["state"] = "ample";

  constructor(context: AgentContext, repeated: RepeatedFacts) {
    this.#context = context;
    this.#repeated = repeated;
  }

  onEvent(event: JournalEvent): void {
    switch (event.kind) {
      case "storage":
        this.#repeated.storageChanged(event.storage, this.#isFirst);
        this.#isFirst = false;
        return this.#onStorage(event.storage);
      case "salvaged":
        this.#context.deps.log.error(
          { salvage: event.salvage },
          "the journal was damaged: what could be read was kept",
        );
        void this.#context.write([gapRecord(event.salvage)]);
        if (!event.salvage.marksLost) return;
        // Nobody knows what was out of service (SAFETY R5).
        void this.#context.submit({ kind: "faultRaised", fault: "STORE_UNREADABLE", severity: "whenIdle" });
        return;
    }
  }

  /** The use goes on to its end, for which there is room; then nobody starts another before there is room again. */
  #onStorage(storage: JournalStorage): void {
    const { log } = this.#context.deps;
    const { state } = storage;
    if (state === this.#told) return;
    this.#told = state;
    if (state === "ample") log.info({ storage }, TOLD[state]);
    else log.warn({ storage }, TOLD[state]);
    // Staff read the usage log, not this computer's; a full disk they see by its fault.
    if (state === "low") this.#context.noteRepeated("storage low", { kind: "problemReported", reason: NEARLY_FULL });
    void this.#context.submit(
      state === "full"
        ? { kind: "faultRaised", fault: "STORAGE_FULL", severity: "whenIdle" }
        : { kind: "faultCleared", fault: "STORAGE_FULL" },
    );
  }
}

const NEARLY_FULL = "the machine controller's disk is nearly full";

const TOLD: Readonly<Record<JournalStorage["state"], string>> = {
  ample: "there is room on the disk again",
  low: "the disk is nearly full: make room (badgekey-agent doctor says where)",
  full: "the disk is full: after the running use nobody can start before there is room",
};
