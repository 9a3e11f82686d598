import { sameBytes, toHex } from "@badgekey/shared";
import type { AgentContext } from "./agent-context.js";
import { tapCodeOf } from "./agent-deps.js";
import type { Applied } from "./agent-loop.js";
import type { InterlockRecord } from "./interlock/interlock-event.js";
import { blockOf } from "./interlock/block-of.js";
import { type Candidate, type Holder, holderKeyOf, sessionOf } from "./interlock/interlock-state.js";
import type { Card } from "./ports.js";
import { type AcceptedTap, type Missing, type RefusedTap, checkTap } from "./tap/check-tap.js";
import { opensToEveryone } from "./tap/opens-to-everyone.js";

/** The longest dialogue with one card. */
export const DIALOGUE_MS = 3_000;
const SESSION_ID_BYTES = 8;

interface Timing {
  /** When the card was seen, monotonic ms. */
  readonly seenMs: number;
  readonly decisionUs: number;
}

/**
 * A tap from the card to the relay: dialogue, verdict, step, commit, relay, screen. Nothing here
 * waits for the network, and the dialogue runs beside the loop.
 */
export class Taps {
  readonly #context: AgentContext;
  /** The card of the running session: its removal is what counts where cards stay in. */
  #sessionCard: Pick<Card, "reader" | "presentation"> | undefined;

  constructor(context: AgentContext) {
    this.#context = context;
  }

  async take(card: Card): Promise<void> {
    const { clock } = this.#context.deps;
    const seenMs = clock.nowMs();
    const read = await this.#read(card);
    const readMs = clock.nowMs();
    if ("code" in read) {
      const timing = { seenMs, decisionUs: 0 };
      const missing = [{ code: read.code }] as const;
      // Lifted too early it may have been anyone's: a wish that is not clear is none.
      if (read.code !== "CARD_UNREADABLE" && this.#isForAnyone(missing)) return this.#acceptAnyone(missing, timing);
      this.#tellRefusal(missing, timing, { key: toHex(card.atr), record: {} });
      return;
    }
    const verdict = this.#judge(read);
    const timing = { seenMs, decisionUs: Math.round((clock.nowMs() - readMs) * 1000) };
    if (verdict.ok) await this.#accept(card, verdict, timing);
    else if (this.#isForAnyone(verdict.missing)) await this.#acceptAnyone(verdict.missing, timing);
    else await this.#refuse(verdict, timing, toHex(read.uid));
  }

  /** The card left the field. */
  cardLeft(reader: string, presentation: number): void {
    const card = this.#sessionCard;
    if (card?.reader !== reader || card.presentation !== presentation) return;
    void this.#context.submit({ kind: "cardRemoved" });
  }

  /** The reader is gone, and with it all knowledge of what lies on it. */
  readerLeft(reader: string): void {
    if (this.#sessionCard?.reader === reader) void this.#context.submit({ kind: "readerLost" });
  }

  /** The reader is back; a card that lies on it is told by itself. */
  readerBack(reader: string): void {
    if (this.#sessionCard?.reader === reader) void this.#context.submit({ kind: "readerBack" });
  }

  async #read(card: Card): Promise<{ uid: Uint8Array; badge: Uint8Array | undefined } | { code: Missing["code"] }> {
    const { log } = this.#context.deps;
    try {
      return await this.#context.dialogue((signal) => this.#context.presentation.readCard(card, { signal }));
    } catch (error) {
      const code = tapCodeOf(error);
      if (code === undefined) log.warn({ err: error }, "a card could not be read for a reason that is not the card's");
      else log.debug({ err: error }, "a card could not be read");
      return { code: code ?? "CARD_UNREADABLE" };
    }
  }

  #judge(presentation: { uid: Uint8Array; badge: Uint8Array | undefined }): AcceptedTap | RefusedTap {
    const { trust, clock } = this.#context.deps;
    const nowMs = clock.nowMs();
    return checkTap({
      presentation,
      site: trust.state,
      machine: this.#context.guarded.id,
      now: trust.now(nowMs),
      clock: trust.clock.state,
      stalenessMs: this.#context.stalenessMs(),
      blocked: blockOf(this.#context.loop.state, this.#context.policy),
    });
  }

  async #accept(card: Card, verdict: AcceptedTap, timing: Timing): Promise<void> {
    const { field, deps } = this.#context;
    const session = deps.random(SESSION_ID_BYTES);
    const applied = await this.#context.submit({
      kind: "tapAccepted",
      candidate: candidateOf(verdict, session, timing),
      cardPresent: field.isPresent(card),
    });
    if (!applied) return;
    if (holderKeyOf(applied.after) === verdict.key) this.#sessionCard = card;
    // The card may have gone while the step waited for its turn: nobody would tell of that removal any more.
    if (!field.isPresent(card)) this.cardLeft(card.reader, card.presentation);
    this.#tellOutcome(applied, verdict.key, timing);
  }

  /**
   * True at a machine that is open to everyone, and where someone uses it without having signed on: any card ends that.
   */
  #isForAnyone(missing: RefusedTap["missing"]): boolean {
    const { deps, loop, policy } = this.#context;
    const session = sessionOf(loop.state);
    if (session && !session.holder) return true;
    const now = deps.trust.now(deps.clock.nowMs());
    return opensToEveryone({ missing }, policy, { now, clock: deps.trust.clock.state });
  }

  async #acceptAnyone(missing: RefusedTap["missing"], timing: Timing): Promise<void> {
    const session = this.#context.deps.random(SESSION_ID_BYTES);
    const applied = await this.#context.submit({ kind: "openTap", session });
    if (!applied) return;
    // The machine was open to everyone until a moment ago.
    if (applied.records.length === 0 && applied.after.kind === "idle")
      this.#tellRefusal(missing, timing, { key: "", record: {} });
    else this.#tellOutcome(applied, undefined, timing);
  }

  /** A genuine badge that may not start can still finish its own use. */
  async #refuse(verdict: RefusedTap, timing: Timing, uid: string): Promise<void> {
    const { badge, key, missing } = verdict;
    const applied = key === undefined ? undefined : await this.#context.submit({ kind: "tapRefused", key });
    const ended = applied && endedIn(applied);
    const isWithdrawn = verdict.code === "BADGE_REVOKED" || verdict.code === "BADGE_SUSPENDED";
    if (ended && !isWithdrawn) {
      this.#tellFinished(ended, timing);
      return;
    }
    const grants = missing.flatMap(({ training, level }) =>
      training && level ? [{ training: training.number, level }] : [],
    );
    const record: Partial<InterlockRecord> = {
      decisionUs: timing.decisionUs,
      ...(grants.length > 0 && { grants }),
      ...(badge && {
        issuer: badge.issuer.keyId,
        statusIndex: badge.claims.statusIndex,
        badge: badge.hash,
        ...(badge.claims.holder !== undefined && { holder: badge.claims.holder }),
      }),
    };
    this.#tellRefusal(missing, timing, { key: badge ? toHex(badge.hash) : uid, record });
  }

  /** `key` is that of whoever tapped; absent where nobody signs on. */
  #tellOutcome(applied: Applied, key: string | undefined, timing: Timing): void {
    const { records, before, after } = applied;
    const code = records.find(({ kind }) => kind === "tapRefused")?.code as Missing["code"] | undefined;
    if (code !== undefined) {
      this.#context.notify({ kind: "refused", missing: [{ code }] });
      return this.#decided(code, timing);
    }
    if (records.some(({ kind }) => kind === "startAborted")) return this.#decided("JOURNAL_UNAVAILABLE", timing);
    const started = records.find(({ kind }) => kind === "sessionStarted")?.session;
    const now = sessionOf(after)?.id;
    // SAFETY R2: something was told while the start was being noted down, and came first.
    if (started && !(now && sameBytes(started, now))) {
      this.#context.notify(undefined);
      return this.#decided(blockOf(after, this.#context.policy)?.code ?? "ACCEPTED", timing);
    }
    const ended = endedIn(applied);
    if (ended && (key === undefined || holderKeyOf(after) !== key)) return this.#tellFinished(ended, timing);
    // A bouncing reader changes nothing, not even what is shown.
    if (records.length > 0 || before.kind !== after.kind) this.#context.notify(undefined);
    this.#decided("ACCEPTED", timing, applied.closedMs);
  }

  #tellFinished({ durationMs = 0 }: InterlockRecord, timing: Timing): void {
    this.#context.notify({ kind: "finished", durationMs });
    this.#decided("ACCEPTED", timing);
  }

  #tellRefusal(
    missing: readonly [Missing, ...Missing[]],
    timing: Timing,
    known: { readonly key: string; readonly record: Partial<InterlockRecord> },
  ): void {
    const [{ code }] = missing;
    this.#context.noteRepeated(`${code} ${known.key}`, { ...known.record, kind: "tapRefused", code });
    this.#context.notify({ kind: "refused", missing });
    this.#decided(code, timing);
  }

  #decided(code: string, { seenMs, decisionUs }: Timing, closedMs = this.#context.deps.clock.nowMs()): void {
    this.#context.deps.screen.decided({ code, decisionUs, tapUs: Math.round((closedMs - seenMs) * 1000) });
  }
}

function endedIn({ records }: Applied): InterlockRecord | undefined {
  return records.find(({ kind }) => kind === "sessionEnded");
}

function candidateOf(verdict: AcceptedTap, session: Uint8Array, { decisionUs }: Timing): Candidate {
  const { needsSupervision, maySupervise, isSteward, waived } = verdict;
  return { session, holder: holderOf(verdict), decisionUs, needsSupervision, maySupervise, isSteward, waived };
}

function holderOf({ badge, key, assurance, grants }: AcceptedTap): Holder {
  const { holder, statusIndex } = badge.claims;
  return {
    key,
    issuer: badge.issuer.keyId,
    statusIndex,
    badge: badge.hash,
    grants,
    assurance,
    ...(holder !== undefined && { holder }),
  };
}
