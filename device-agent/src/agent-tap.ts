import { toHex } from "@badgekey/shared";
import type { AgentContext } from "./agent-context.js";
import { tapCodeOf } from "./agent-deps.js";
import type { Applied } from "./agent-loop.js";
import type { InterlockRecord } from "./interlock/interlock-event.js";
import { type Holder, sessionOf } from "./interlock/interlock-state.js";
import type { Card } from "./ports.js";
import { type AcceptedTap, type Missing, type RefusedTap, checkTap } from "./tap/check-tap.js";

/** The longest dialogue with one card. */
export const DIALOGUE_MS = 3_000;
const SESSION_ID_BYTES = 8;

interface Timing {
  /** When the card was seen, monotonic ms. */
  readonly seenMs: number;
  readonly decisionUs: number;
}

/**
 * A tap from the card to the relay (DESIGN section 7): dialogue, verdict, step, commit, relay, screen. Nothing here waits
 * for the network, and the dialogue runs beside the loop.
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
      this.#tellRefusal([{ code: read.code }], timing, { key: toHex(card.atr), record: {} });
      return;
    }
    const verdict = this.#judge(read);
    const timing = { seenMs, decisionUs: Math.round((clock.nowMs() - readMs) * 1000) };
    if (verdict.ok) await this.#accept(card, verdict, timing);
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
      blocked: this.#blocked(),
    });
  }

  #blocked(): "MACHINE_OUT_OF_SERVICE" | "MACHINE_FAULTED" | undefined {
    switch (this.#context.loop.state.kind) {
      case "lockedOut":
        return "MACHINE_OUT_OF_SERVICE";
      case "starting":
      case "faulted":
        return "MACHINE_FAULTED";
      case "idle":
      case "armed":
      case "active":
      case "pending":
        return undefined;
    }
  }

  async #accept(card: Card, verdict: AcceptedTap, timing: Timing): Promise<void> {
    const { field, deps } = this.#context;
    const session = deps.random(SESSION_ID_BYTES);
    const applied = await this.#context.submit({
      kind: "tapAccepted",
      candidate: { session, holder: holderOf(verdict), decisionUs: timing.decisionUs },
      cardPresent: field.isPresent(card),
    });
    if (!applied) return;
    if (sessionOf(applied.after)?.holder.key === verdict.key) this.#sessionCard = card;
    // The card may have gone while the step waited for its turn: nobody would tell of that removal any more.
    if (!field.isPresent(card)) this.cardLeft(card.reader, card.presentation);
    this.#tellOutcome(applied, verdict, timing);
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

  #tellOutcome(applied: Applied, { key }: AcceptedTap, timing: Timing): void {
    const refused = applied.records.find(({ kind }) => kind === "tapRefused");
    const code = refused?.code as Missing["code"] | undefined;
    if (code !== undefined) {
      this.#context.notify({ kind: "refused", missing: [{ code }] });
      return this.#decided(code, timing);
    }
    if (applied.records.some(({ kind }) => kind === "startAborted")) {
      this.#context.notify({ kind: "interrupted" });
      return this.#decided("JOURNAL_UNAVAILABLE", timing);
    }
    const ended = endedIn(applied);
    if (ended && sessionOf(applied.after)?.holder.key !== key) return this.#tellFinished(ended, timing);
    // A bouncing reader changes nothing, not even what is shown.
    if (applied.records.length > 0 || applied.before.kind !== applied.after.kind) this.#context.notify(undefined);
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
