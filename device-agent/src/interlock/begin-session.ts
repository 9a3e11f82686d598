import type { MachinePolicy } from "@badgekey/shared";
import type { InterlockRecord } from "./interlock-event.js";
import type { Active, Armed, Candidate, Contact, LastTap, Session, Supervision, Waiting } from "./interlock-state.js";
import { ARMED_MS, CO_TAP_MS, EXTRACTION_MS } from "./interlock-times.js";
import { tapFacts } from "./leave.js";
import { type Sight, allowsGrant, lacksExtraction } from "./sight.js";

/** A session before it is known what it still has to wait for. */
export interface Prepared {
  readonly session: Session;
  readonly presence: "tap" | "hold";
  readonly supervision?: Supervision | undefined;
  readonly waiting: Waiting;
  readonly sight: Sight;
  readonly lastTap?: LastTap | undefined;
}

/** What is known at the moment in which a session may go on. */
export interface Readiness {
  readonly atMs: number;
  /** False where the card must stay in, and is out. */
  readonly cardIn: boolean;
  /** The start button was pressed just now, or need not be. */
  readonly isPressed: boolean;
}

/** What a use stands on, beside the tap. */
export interface Ground {
  readonly waiting: Waiting;
  readonly sight: Sight;
  readonly lastTap: LastTap;
  readonly supervision?: Supervision | undefined;
}

/** A session of an accepted tap, with the records of its beginning. */
export function prepare(
  { candidate, atMs, ground }: { readonly candidate: Candidate; readonly atMs: number; readonly ground: Ground },
  policy: MachinePolicy,
): { readonly prepared: Prepared; readonly records: readonly InterlockRecord[] } {
  const [waived] = candidate.waived;
  const isNamed = waived === undefined;
  const session: Session = { id: candidate.session, holder: candidate.holder, isNamed, startedMs: atMs };
  const by = ground.supervision?.by;
  const started: InterlockRecord = {
    ...(isNamed && tapFacts(candidate)),
    kind: "sessionStarted",
    session: session.id,
    ...(by !== undefined && { by }),
  };
  const watched: InterlockRecord[] = isNamed
    ? []
    : [{ ...tapFacts(candidate), kind: "wouldHaveRefused", code: waived }];
  return { prepared: { session, presence: policy.presence, ...ground }, records: [...watched, started] };
}

/** A session that nobody has signed on for, at a machine that is open to everyone: no card has to stay in. */
export function prepareOpen(
  id: Uint8Array,
  atMs: number,
  ground: Ground,
): { readonly prepared: Prepared; readonly records: readonly InterlockRecord[] } {
  const session: Session = { id, isNamed: false, startedMs: atMs };
  return { prepared: { session, presence: "tap", ...ground }, records: [{ kind: "sessionStarted", session: id }] };
}

/**
 * The next state of a session that has not closed the contact yet: it waits for the card that must stay in, then for
 * the extraction (SAFETY R11), then for the start button (R7); with all of them there it closes. Called only on an
 * accepted tap, a press and the extraction's own contact.
 */
export function proceed(from: Prepared, ready: Readiness, policy: MachinePolicy): Armed | Active {
  const { atMs, cardIn, isPressed } = ready;
  if (!cardIn) return armed(from, "card", atMs + (from.supervision ? CO_TAP_MS : policy.session.removalGraceMs));
  if (lacksExtraction(from.sight, policy)) return armed(from, "extraction", atMs + EXTRACTION_MS);
  if (policy.startButton && !isPressed) return armed(from, "startButton", from.session.startedMs + ARMED_MS);
  // What was good when the tap was accepted must still be when the contact closes; a contact that tells so asks again.
  return allowsGrant(from.sight, policy)
    ? activate(from, atMs, policy)
    : armed(from, "extraction", atMs + EXTRACTION_MS);
}

/** An armed session looks again at what it waits for; its time goes on. */
export function reconsider(state: Armed, ready: Readiness, policy: MachinePolicy): Armed | Active {
  const next = proceed(state, ready, policy);
  return next.kind === "armed" && next.waitsFor === state.waitsFor ? state : next;
}

/** The contact closes, for the session or for a start permission (SAFETY R3). */
export function activate(from: Prepared, atMs: number, policy: MachinePolicy): Active {
  const { session, presence, supervision, waiting, sight, lastTap } = from;
  const { maxSeconds } = policy.session;
  return {
    kind: "active",
    session,
    presence,
    supervision,
    waiting,
    sight,
    lastTap,
    contact: contactFrom(atMs, policy),
    activeMs: atMs,
    endsMs: maxSeconds === 0 ? undefined : atMs + maxSeconds * 1000,
    told: [],
  };
}

function armed(from: Prepared, waitsFor: Armed["waitsFor"], untilMs: number): Armed {
  const { session, presence, supervision, waiting, sight, lastTap } = from;
  return { kind: "armed", waitsFor, untilMs, session, presence, supervision, waiting, sight, lastTap };
}

function contactFrom(atMs: number, { wiring }: MachinePolicy): Contact {
  switch (wiring.output) {
    case "hold":
      return { kind: "held" };
    case "pulse":
      return { kind: "pulse", untilMs: atMs + wiring.pulseSeconds * 1000 };
  }
}
