import { type Instant, type Level, type Signer, fromHex, randomBytes, signBadge, toHex } from "@badgekey/shared";
import { randomText } from "../random-text.js";
import { RefusedError } from "../refused.js";
import { planGrants } from "./plan-grants.js";
import type { Badge, BadgeStore, HeldGrant } from "./ports.js";
import { STATUS_CAPACITY } from "./status-bits.js";

/** A training of a person that is to stand in the badge; its end as recorded. */
export type IssuedGrant = HeldGrant;

export interface IssuingDeps {
  readonly store: BadgeStore;
  readonly issuer: Signer;
  readonly clock: () => Instant;
  /** Random bytes; tests hand in their own. */
  readonly random?: (length: number) => Uint8Array;
}

export interface BadgeRequest {
  readonly person: string;
  readonly grants: readonly { readonly training: number; readonly level: Level; readonly endsAt: Instant }[];
  /** Signs at once, bound to this card. Neither this nor `unbound`: signed when it is written. */
  readonly cardUid?: string;
  readonly unbound?: boolean;
  readonly expiresAt?: Instant;
}

/** Draws before the list counts as full: at 7 of 8 taken, one draw in 10^7 fails. */
const MOST_DRAWS = 120;

/**
 * Issues a badge: the intent is committed first, so that no index or pseudonym is ever used twice, then
 * signed, then marked issued. Refused: REQUEST_INVALID (card), CONFLICT (nothing to grant, card of somebody else).
 */
export async function issueBadge(request: BadgeRequest, deps: IssuingDeps): Promise<Badge> {
  const { store, clock } = deps;
  if (request.cardUid !== undefined) await requireBindable(request.cardUid, request.person, store);
  const now = clock();
  const plan = planGrants(request.grants, now, request.expiresAt);
  const badge = await reserve(request, { grants: plan.effective, expiresAt: plan.expiresAt }, now, deps);
  if (request.cardUid === undefined && request.unbound !== true) return badge;
  return sign(badge, request.cardUid ?? null, deps);
}

/**
 * The bytes to write to a card: signs a badge that waited for it, bound to the card's UID. A badge signed already stays
 * as it is. Refused: CONFLICT where it belongs to another card, is withdrawn or over, REQUEST_INVALID for the UID.
 */
export async function bindToCard(
  id: string,
  cardUid: string,
  deps: IssuingDeps,
): Promise<Badge & { readonly bytes: Uint8Array }> {
  const badge = await requireWritable(id, deps);
  if (badge.bytes) {
    if (badge.cardUid !== null && badge.cardUid !== cardUid) {
      throw new RefusedError("CONFLICT", "the badge is bound to another card", {
        hint: "issue a new one for this card",
      });
    }
    return { ...badge, bytes: badge.bytes };
  }
  await requireBindable(cardUid, badge.person, deps.store);
  return sign(badge, cardUid, deps);
}

/** Refused: NOT_FOUND; CONFLICT where the badge is not to be written any more. */
export async function requireWritable(
  id: string,
  { store, clock }: Pick<IssuingDeps, "store" | "clock">,
): Promise<Badge> {
  const badge = await requireBadge(id, store);
  if (badge.state !== "awaitingCard" && badge.state !== "valid") {
    throw new RefusedError("CONFLICT", `the badge is ${badge.state}`, { hint: "issue a new one" });
  }
  if (badge.expiresAt <= clock())
    throw new RefusedError("CONFLICT", "the badge has ended", { hint: "issue a new one" });
  return badge;
}

/** Refused: NOT_FOUND. */
export async function requireBadge(id: string, store: BadgeStore): Promise<Badge> {
  const badge = await store.badge(id);
  if (badge) return badge;
  throw new RefusedError("NOT_FOUND", `there is no badge ${id}`, { hint: "list badges to find the id" });
}

async function reserve(
  { person }: BadgeRequest,
  { grants, expiresAt }: Pick<Badge, "grants" | "expiresAt">,
  now: Instant,
  { store, issuer, random = randomBytes }: IssuingDeps,
): Promise<Badge> {
  const kid = toHex(issuer.keyId);
  for (let draw = 0; draw < MOST_DRAWS; draw++) {
    const reservation = {
      id: randomText(10, random),
      person,
      issuer: kid,
      statusIndex: drawIndex(random),
      pseudonym: randomText(8, random),
      grants,
      reservedAt: now,
      expiresAt,
    };
    if (!(await store.reserve(reservation))) continue;
    return {
      ...reservation,
      state: "awaitingCard",
      issuedAt: null,
      cardUid: null,
      bytes: null,
      reason: null,
      statusVersion: null,
    };
  }
  throw new RefusedError("CONFLICT", "the issuer's status list is full", { hint: "start a new issuer key" });
}

/** Any index below the capacity, each equally likely: neighbours tell nothing about who was trained together. */
function drawIndex(random: (length: number) => Uint8Array): number {
  const [a = 0, b = 0, c = 0] = random(3);
  return ((a << 16) | (b << 8) | c) % STATUS_CAPACITY;
}

async function sign(badge: Badge, cardUid: string | null, { store, issuer, clock }: IssuingDeps) {
  const issuedAt = Math.floor(clock() / 1000) * 1000;
  const plan = planGrants(badge.grants, clock(), badge.expiresAt);
  const bytes = signBadge(
    {
      holder: badge.pseudonym,
      expiresAt: plan.expiresAt,
      issuedAt,
      statusIndex: badge.statusIndex,
      grants: plan.grants,
      ...(cardUid !== null && { cardUid: fromHex(cardUid) }),
    },
    issuer,
  );
  const issued = { bytes, issuedAt, expiresAt: plan.expiresAt, grants: plan.effective, cardUid };
  if (!(await store.markIssued(badge.id, issued))) {
    throw new RefusedError("CONFLICT", "the badge was signed or withdrawn meanwhile", { hint: "look at it again" });
  }
  return { ...badge, ...issued, state: "valid" } as const;
}

/** Only a 7-byte UID that does not change names one card, and a card carries one person's badge. */
async function requireBindable(cardUid: string, person: string, store: BadgeStore): Promise<void> {
  if (cardUid.length !== 14) {
    throw new RefusedError("REQUEST_INVALID", `cardUid: ${cardUid.length / 2} bytes, a badge binds to 7`, {
      hint: "cards with short numbers can be copied by anyone: use an NTAG or DESFire card, or issue it unbound",
    });
  }
  if (cardUid.startsWith("08")) {
    throw new RefusedError("REQUEST_INVALID", "cardUid: begins with 08, a number that changes at every tap", {
      hint: "phones and some campus cards do this: use another card, or issue it unbound",
    });
  }
  const others = await store.badges({ cardUid });
  if (others.some((other) => other.person !== person && (other.state === "valid" || other.state === "suspended"))) {
    throw new RefusedError("CONFLICT", "the card carries somebody else's badge", { hint: "withdraw that one first" });
  }
}
