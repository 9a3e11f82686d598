import {
  type Assurance,
  type BadgeCode,
  type MachinePolicy,
  type PublicKey,
  type SiteState,
  type TapCode,
  type VerifiedBadge,
  sameBytes,
  toHex,
} from "@badgekey/shared";
import type { Block } from "../interlock/block-of.js";
import { type GrantsAnswer, checkGrants } from "./check-grants.js";
import { currentBadge } from "./current-badge.js";
import { type SiteFacts, missingAtSite } from "./missing-at-site.js";
import { modeInForce } from "./mode-in-force.js";
import type { Missing, RefusedTap, TapVerdict } from "./tap-verdict.js";

export type { AcceptedTap, Missing, RefusedTap, TapVerdict } from "./tap-verdict.js";

/** What happened at the reader; nothing of it is verified but the challenge. */
export interface Presentation {
  readonly uid?: Uint8Array;
  readonly badge?: Uint8Array | undefined;
  /** The key that answered a fresh challenge. */
  readonly challengeAnsweredBy?: PublicKey;
  /** The chip's originality was proven. */
  readonly genuineChip?: boolean;
}

export interface TapFacts extends SiteFacts {
  readonly site: SiteState;
  readonly presentation: Presentation;
  readonly machine: string;
  /** Why nobody could use the machine now, where the interlock says so (`blockOf`). */
  readonly blocked?: Block | undefined;
}

/** These say nothing about the person: what else a badge lacks is not looked at. */
const FINAL: readonly (TapCode | BadgeCode)[] = ["BADGE_REVOKED", "BADGE_SUSPENDED"];

/**
 * Decides whether this presentation may open this machine now (SPEC 3.5). A refusal lists
 * everything that is missing, what the holder must hear first in front; a badge withdrawn or on hold is told alone.
 */
export function checkTap(facts: TapFacts): TapVerdict {
  const { presentation, site, machine, now } = facts;
  const entry = site.policy?.machines.get(machine);
  const policy = entry && entry.policy !== "unreadable" ? entry.policy : undefined;
  if (!policy || !site.trust) return refused([{ code: "MACHINE_UNKNOWN" }]);
  const atSite = missingAtSite(facts, policy).map((code) => ({ code }));
  if (!presentation.badge) return refused([{ code: "CARD_EMPTY" }, ...blocking(facts), ...atSite]);
  const verdict = currentBadge(presentation.badge, site, now);
  const { badge } = verdict;
  if (!badge) {
    return refused([{ code: verdict.ok ? "BADGE_MALFORMED" : verdict.code }, ...blocking(facts), ...atSite]);
  }
  const bound = checkBinding(badge, presentation);
  if (!verdict.ok && FINAL.includes(verdict.code)) return refused([{ code: verdict.code }], badge, bound);
  const held = checkGrants({ badge, policy, site, now });
  const isShort = bound.ok && !isAssured(bound.assurance, presentation, policy);
  const lacking: Missing[] = [
    ...held.missing.filter((one) => verdict.ok || one.code !== "TRAINING_ENDED"),
    ...(held.needsSupervision ? [held.supervised ?? { code: "SUPERVISION_REQUIRED" as const }] : []),
    ...(isShort ? [{ code: "ASSURANCE_TOO_LOW" as const }] : []),
  ];
  // What a machine that only watches lets pass: missing grants, supervision and assurance, nothing else.
  const watches = modeInForce(policy, now, facts.clock).kind === "warnOnly";
  const missing: Missing[] = [
    ...(verdict.ok ? [] : [badgeMissing(verdict.code, badge)]),
    ...(bound.ok ? [] : [{ code: bound.code }]),
    ...blocking(facts, held),
    ...atSite,
    ...(watches ? [] : lacking),
  ];
  // A trainer can still make up for supervision, and for nothing else.
  const [first, ...more] = missing.every(({ code }) => code === "SUPERVISION_REQUIRED") ? [] : missing;
  if (first || !bound.ok) return refused(first ? [first, ...more] : [{ code: "CARD_MISMATCH" }], badge, bound);
  return {
    ok: true,
    badge,
    key: holderKey(badge),
    assurance: bound.assurance,
    grants: held.grants.map(({ training, level }) => ({ training, level })),
    endsAt: Math.min(badge.claims.expiresAt, ...held.grants.map(({ endsAt }) => endsAt)),
    needsSupervision: held.needsSupervision && !watches,
    maySupervise: held.maySupervise && !isShort,
    isSteward: held.isSteward && !isShort,
    waived: watches ? [...new Set(lacking.map(({ code }) => code))] : [],
  };
}

/** What the interlock says of the machine, but to those who may reset or release it there. */
function blocking({ blocked }: TapFacts, held?: GrantsAnswer): readonly Missing[] {
  if (!blocked || blocked.admits === "everyone") return [];
  return blocked.admits === "stewards" && held?.isSteward ? [] : [{ code: blocked.code }];
}

type Binding = { readonly ok: true; readonly assurance: Assurance } | { readonly ok: false; readonly code: TapCode };

/** Computed from what happened at the reader, never from the badge; a bound badge never falls to a lower level. */
function checkBinding({ claims, issuer }: VerifiedBadge, presentation: Presentation): Binding {
  const { cardUid, holderKey, issuedAt } = claims;
  const { uid, challengeAnsweredBy: answered } = presentation;
  if (cardUid && !(uid && sameBytes(uid, cardUid))) return { ok: false, code: "CARD_MISMATCH" };
  if (holderKey) {
    const proven = answered?.curve === holderKey.curve && sameBytes(answered.bytes, holderKey.bytes);
    if (!proven) return { ok: false, code: "HOLDER_KEY_MISSING" };
  }
  // Without iat no cut-off can reach it: the compact profile proves as little as any copy does.
  const reached = issuedAt === undefined ? 1 : holderKey ? 3 : cardUid ? 2 : 1;
  return { ok: true, assurance: Math.min(reached, issuer.highestAssurance) as Assurance };
}

function isAssured(assurance: Assurance, { genuineChip }: Presentation, policy: MachinePolicy): boolean {
  return assurance >= policy.minAssurance && (!policy.genuineChip || genuineChip === true);
}

function badgeMissing(code: BadgeCode, { claims }: VerifiedBadge): Missing {
  return code === "BADGE_EXPIRED" ? { code, endedAt: claims.expiresAt } : { code };
}

/** A carrier keeps its pseudonym through renewals; the compact profile has none, and is known by its status index. */
function holderKey({ claims, issuer }: VerifiedBadge): string {
  return `${toHex(issuer.keyId)}/${claims.holder ?? `#${claims.statusIndex}`}`;
}

/** Whoever shows a copy does not act for its holder: without the key nobody's session is ended by it. */
function refused(missing: readonly [Missing, ...Missing[]], badge?: VerifiedBadge, bound?: Binding): RefusedTap {
  const key = badge && bound?.ok ? holderKey(badge) : undefined;
  return { ok: false, code: missing[0].code, missing, ...(badge && { badge }), ...(key !== undefined && { key }) };
}
