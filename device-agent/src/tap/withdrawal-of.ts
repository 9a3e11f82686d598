import { type BadgeCode, STATUS, type StatusList, toHex } from "@badgekey/shared";

/** What a session keeps of the badge it began with. */
export interface BadgeInUse {
  /** The issuer's kid. */
  readonly issuer: Uint8Array;
  readonly statusIndex: number;
}

/** The part of the site state that says whether a badge in use still stands; both by the issuer's kid in hex. */
export interface TrustInUse {
  readonly trust?: { readonly issuers: { has(issuer: string): boolean } };
  readonly status: ReadonlyMap<string, { readonly list: StatusList }>;
}

/** Codes of a badge's list position; superseded is no withdrawal: its holder's trainings go on in a successor. */
const withdrawals = new Map<number, BadgeCode>([
  [STATUS.revoked, "BADGE_REVOKED"],
  [STATUS.suspended, "BADGE_SUSPENDED"],
]);

/**
 * Why the badge of a running session is withdrawn; undefined where it is not. Only what somebody did counts: nothing
 * that runs out by the clock, and no list that is missing, ends a use (SAFETY R10).
 */
export function withdrawalOf(badge: BadgeInUse, { trust, status }: TrustInUse): BadgeCode | undefined {
  const issuer = toHex(badge.issuer);
  if (trust && !trust.issuers.has(issuer)) return "ISSUER_UNTRUSTED";
  const list = status.get(issuer)?.list;
  if (!list || badge.statusIndex >= list.length) return undefined;
  return withdrawals.get(list.get(badge.statusIndex));
}
