import {
  type ListOpening,
  type Offer,
  encodeTimeQuery,
  openAcknowledgement,
  sameBytes,
  sha256,
  toHex,
} from "@badgekey/shared";
import { MACHINE_ITSELF } from "./agent-contacts.js";
import type { AgentContext } from "./agent-context.js";
import { releasedUpTo } from "./agent-marks.js";
import type { InterlockRecord } from "./interlock/interlock-event.js";
import { blocksOf, sessionOf } from "./interlock/interlock-state.js";
import type { ListOpener, MarkChanges } from "./ports.js";
import { withdrawalOf } from "./tap/withdrawal-of.js";

export interface SyncOptions {
  /** Lockouts set up to this instant have been released. */
  readonly releasedAt: number;
  /** Something was applied, or the state can be told: a report is due. */
  readonly onChanged: () => void;
  readonly onDefect: (error: unknown) => void;
}

interface Unsaved {
  readonly accepted: { readonly name: string; readonly bytes: Uint8Array }[];
  readonly removed: Set<string>;
}

export const ASK_TIME_EVERY_MS = 300_000;
/** Twice as long each time, so that half of the powered-on time is kept at least, however short it is. */
const FIRST_CLOCK_SAVE_MS = 15_000;
const MOST_CLOCK_SAVE_MS = 300_000;
const NONCE_BYTES = 16;
const KINDS = ["root", "heartbeat", "trust", "policy", "status", "directory", "time-answer"] as const;
const NONCE_VALID_MS = 10_000;
/** A broker that floods us gets no more than this of our memory; a site's lists together are far smaller. */
const MOST_OPENING_BYTES = 16 * 1024 * 1024;
/** A step larger than this is worth a record. */
const CLOCK_STEP_MS = 300_000;

/** Keeps what the agent believes: site state offered by the gateway, time, and what follows for the running session. */
export class Sync {
  readonly #context: AgentContext;
  readonly #options: SyncOptions;
  #releasedAt: number;
  #unsaved: Unsaved = { accepted: [], removed: new Set() };
  #saving: Promise<void> = Promise.resolve();
  #policySeen: unknown;
  #lockoutsSeen: unknown;
  /** The running session's badge as it was told to the interlock last. */
  #toldWithdrawn: string | undefined;
  /** Lists on their way through the other thread. */
  #opening: Promise<void> = Promise.resolve();
  readonly #opened = new Set<Uint8Array>();
  #askedMs = Number.NEGATIVE_INFINITY;
  #clockSavedMs: number;
  #clockSaveEveryMs = FIRST_CLOCK_SAVE_MS;

  constructor(context: AgentContext, options: SyncOptions) {
    this.#context = context;
    this.#options = options;
    this.#clockSavedMs = context.deps.clock.nowMs();
    this.#releasedAt = options.releasedAt;
    this.#policySeen = context.deps.trust.state.policy;
    if (context.deps.opener) context.deps.trust.leaveOpening();
  }

  /** Lockouts set up to `at` are released, by a command or at the machine; the marks that keep it in mind. */
  onReleased(at: number): MarkChanges {
    this.#releasedAt = Math.max(this.#releasedAt, at);
    return releasedUpTo(this.#releasedAt);
  }

  /** An object of the site state, of which nothing is verified yet. */
  offer(name: string, bytes: Uint8Array): void {
    const { trust, clock, opener } = this.#context.deps;
    if (opener && isList(name)) this.#openFirst(name, bytes, opener);
    else this.#follow(trust.offer(name, bytes, clock.nowMs()), name);
  }

  /** An answer to the question for the time. */
  answerTime(bytes: Uint8Array): void {
    const { trust, clock } = this.#context.deps;
    const nowMs = clock.nowMs();
    const before = trust.now(nowMs);
    const answer = trust.answerTime(bytes, nowMs);
    this.#follow(answer, "time-answer");
    if (answer.outcome !== "accepted") return;
    this.#askedMs = nowMs;
    const steppedMs = trust.now(nowMs) - before;
    if (Math.abs(steppedMs) > CLOCK_STEP_MS) {
      const record: InterlockRecord = { kind: "clockStepped", durationMs: Math.round(Math.abs(steppedMs)) };
      // Back only where a battery clock was ahead of the gateway.
      void this.#context.write([steppedMs < 0 ? { ...record, reason: "back" } : record]);
    }
    this.saveClock();
    this.#options.onChanged();
  }

  /** Asks for the time; an answer counts for 10 s. */
  askTime(): void {
    const { trust, clock, random, uplink, log } = this.#context.deps;
    if (!uplink.connected) return;
    const nonce = random(NONCE_BYTES);
    this.#askedMs = clock.nowMs();
    trust.askTime(nonce, this.#askedMs);
    uplink.publish("time-query", encodeTimeQuery(nonce)).catch((error: unknown) => {
      log.debug({ err: error }, "the question for the time was not delivered");
    });
  }

  /** The gateway's word on which rows it holds: the journal compares it with its own chain. */
  async acknowledge(bytes: Uint8Array): Promise<void> {
    const { trust, agent, opened, log } = this.#context.deps;
    const ack = openAcknowledgement(bytes, trust.state.root, trust.state.site, agent);
    if (!ack.ok) {
      this.#suspect("acknowledgement", ack.code);
      return;
    }
    try {
      const done = await opened.journal.acknowledge(ack.value.upTo, ack.value.chain);
      if (done === "mismatch") this.#suspect("acknowledgement does not fit the chain");
    } catch (error) {
      log.warn({ err: error }, "an acknowledgement could not be applied: the rows are kept");
    }
  }

  /** What time alone makes due. */
  tick(nowMs: number): void {
    if (nowMs - this.#askedMs >= ASK_TIME_EVERY_MS) this.askTime();
    if (nowMs - this.#clockSavedMs < this.#clockSaveEveryMs) return;
    this.#clockSaveEveryMs = Math.min(2 * this.#clockSaveEveryMs, MOST_CLOCK_SAVE_MS);
    this.saveClock();
  }

  /** Powered-on time is persisted, so that power-cycling cannot freeze it (SAFETY R17). */
  saveClock(): void {
    const { trust, clock, store, log } = this.#context.deps;
    this.#clockSavedMs = clock.nowMs();
    if (this.#unsaved.accepted.length > 0 || this.#unsaved.removed.size > 0) void this.#save();
    store.saveClock(trust.floor(this.#clockSavedMs), trust.clock.freshAt).catch((error: unknown) => {
      log.warn({ err: error }, "the time could not be kept: it is tried again");
    });
  }

  /** Resolves when what was accepted is kept, or could not be. */
  saved(): Promise<void> {
    return this.#saving;
  }

  /** Puts the policy in force, and the standing of the running session's badge, to the interlock. */
  async applySiteState(): Promise<void> {
    const { policy } = this.#context.deps.trust.state;
    if (policy !== this.#policySeen) {
      this.#policySeen = policy;
      await this.#context.submit({ kind: "policyChanged" });
    }
    if (policy !== this.#lockoutsSeen) {
      this.#lockoutsSeen = policy;
      await this.#applyLockout();
    }
    await this.#applyStatus();
  }

  /** One after the other, so that a list finds the issuer that the one before it brought. */
  #openFirst(name: string, bytes: Uint8Array, opener: ListOpener): void {
    if (this.#opened.has(bytes)) return;
    const held = [...this.#opened].reduce((sum, { length }) => sum + length, 0);
    if (held + bytes.length > MOST_OPENING_BYTES) {
      this.#context.deps.log.warn(
        { name },
        "too much waits to be verified: an object is left out until it comes again",
      );
      return;
    }
    this.#opened.add(bytes);
    this.#opening = this.#opening.then(() => this.#open(name, bytes, opener)).catch(this.#options.onDefect);
  }

  async #open(name: string, bytes: Uint8Array, opener: ListOpener): Promise<void> {
    const { trust, clock, log } = this.#context.deps;
    try {
      const opening = trust.openingOf(name);
      if (this.#isWorthOpening(name, bytes, opening)) {
        trust.noteOpened(bytes, opening, await opener.open(name, bytes, opening));
      }
    } catch (error) {
      log.error({ err: error, name }, "an object could not be verified: it is left out until it comes again");
      return;
    } finally {
      this.#opened.delete(bytes);
    }
    this.#follow(trust.offer(name, bytes, clock.nowMs()), name);
  }

  /** What is in force needs no second look, and what has no issuer yet none before it has. */
  #isWorthOpening(name: string, bytes: Uint8Array, { issuer }: ListOpening): boolean {
    const held = this.#context.deps.trust.state.applied.get(name);
    if (held && sameBytes(held.hash, sha256(bytes))) return false;
    return name === "trust" || name === "policy" || issuer !== undefined;
  }

  /** Lists that had to wait for what is in force now. */
  #openWaiting(): void {
    const { trust, opener } = this.#context.deps;
    if (opener) for (const { name, bytes } of trust.unopened()) this.#openFirst(name, bytes, opener);
  }

  #follow(offer: Offer, name: string): void {
    const { log } = this.#context.deps;
    switch (offer.outcome) {
      case "accepted":
      case "repeated":
        break;
      case "waiting":
        log.debug({ name, detail: offer.detail }, "an object waits");
        if (offer.detail === "TIME_IMPLAUSIBLE") this.#askAgain();
        break;
      default:
        log.warn({ name, code: offer.outcome, detail: offer.detail }, "an object was refused");
        this.#suspect(this.#told(name), offer.outcome);
    }
    if (offer.accepted.length === 0 && offer.removed.length === 0) return;
    this.#openWaiting();
    // A root may have lowered the time: kept before it, or a power cut in between would bring the higher one back
    // (R15).
    if (offer.accepted.some((one) => one.name.startsWith("root/"))) this.saveClock();
    this.#unsaved.accepted.push(...offer.accepted);
    for (const gone of offer.removed) this.#unsaved.removed.add(gone);
    void this.applySiteState();
    void this.#save();
  }

  /** A time too far ahead to be believed needs an answer; one question is open at a time. */
  #askAgain(): void {
    if (this.#context.deps.clock.nowMs() - this.#askedMs > NONCE_VALID_MS) this.askTime();
  }

  #save(): Promise<void> {
    this.#saving = this.#saving.then(async () => {
      const { accepted, removed } = this.#unsaved;
      if (accepted.length === 0 && removed.size === 0) return;
      this.#unsaved = { accepted: [], removed: new Set() };
      try {
        await this.#context.deps.store.save(accepted, [...removed]);
        // Receipts are told once what they say would survive a power cut.
        this.#options.onChanged();
      } catch (error) {
        this.#context.deps.log.error({ err: error }, "site state could not be kept: it is tried again");
        this.#unsaved.accepted.unshift(...accepted);
        for (const gone of removed) this.#unsaved.removed.add(gone);
      }
    });
    return this.#saving;
  }

  /** Out of service stands in the policy, too, until it is released. */
  async #applyLockout(): Promise<void> {
    const { policy } = this.#context.deps.trust.state;
    if (!policy) return;
    const wanted = policy.lockouts.get(this.#context.guarded.id);
    const current = blocksOf(this.#context.loop.state).lockout;
    if (wanted && !current && wanted.at > this.#releasedAt) {
      await this.#context.submit({ kind: "outOfServiceSet", when: "whenFree", lockout: wanted });
    }
    // A policy older than the order that set the lockout knows nothing of it; of what was reported here none does.
    if (!wanted && current && current.by !== MACHINE_ITSELF && policy.issuedAt > current.at) {
      await this.#context.submit({ kind: "outOfServiceCleared", by: "policy" });
    }
  }

  async #applyStatus(): Promise<void> {
    const session = sessionOf(this.#context.loop.state);
    if (!session) return;
    const id = toHex(session.id);
    const code = session.holder && withdrawalOf(session.holder, this.#context.deps.trust.state);
    const isTold = this.#toldWithdrawn === id;
    if (code !== undefined && !isTold) {
      this.#toldWithdrawn = id;
      await this.#context.submit({ kind: "badgeStatusChanged", status: "withdrawn", code });
    }
    if (code === undefined && isTold) {
      this.#toldWithdrawn = undefined;
      await this.#context.submit({ kind: "badgeStatusChanged", status: "good" });
    }
  }

  #suspect(what: string, code?: string): void {
    this.#context.noteRepeated(`security ${what} ${code ?? ""}`, {
      kind: "securityEvent",
      reason: what,
      ...(code !== undefined && { code }),
    });
  }

  /** An object's name, for a record; of a name that we do not know only its kind: the broker has no end of them. */
  #told(name: string): string {
    const { applied, heartbeat } = this.#context.deps.trust.state;
    if (applied.has(name) || heartbeat?.objects.has(name)) return name;
    return KINDS.find((kind) => kind === name.split("/")[0]) ?? "an unknown object";
  }
}

/** Roots and heartbeats are small, and everything else depends on them. */
function isList(name: string): boolean {
  return name === "trust" || name === "policy" || name.startsWith("status/") || name.startsWith("directory/");
}
