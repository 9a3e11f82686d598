import {
  type BadgeVerdict,
  type Instant,
  STATUS,
  type SiteState,
  type VerifiedBadge,
  openSuccessor,
  sameBytes,
  successorKey,
  toHex,
  verifyBadge,
} from "@badgekey/shared";

/** A badge renewed more often than this since its card was written goes to a desk. */
const MOST_SUCCESSORS = 16;

/**
 * Verifies a badge, and where it was superseded or has merely expired, follows the directory to its successor (DESIGN
 * sections 3 and 4): the directory is an index, never an authority. What cannot be followed leaves the first verdict.
 */
export function currentBadge(bytes: Uint8Array, site: SiteState, now: Instant): BadgeVerdict {
  const presented = verifyBadge(bytes, site, now);
  let [verdict, at] = [presented, bytes];
  for (let hops = 0; hops < MOST_SUCCESSORS && isLeading(verdict, site); hops++) {
    const found = findSuccessor(at, verdict.badge, site);
    if (!found) return presented;
    const next = verifyBadge(found, site, now);
    if (!next.badge || !succeeds(next.badge, verdict.badge)) return presented;
    // A successor that was withdrawn withdraws the card, too: its own code is what counts.
    [verdict, at] = [next, found];
  }
  return verdict.ok || !isLeading(verdict, site) ? verdict : presented;
}

/** Never from a badge withdrawn or on hold: those lead nowhere, not even once they have expired as well. */
function isLeading(
  verdict: BadgeVerdict,
  site: SiteState,
): verdict is BadgeVerdict & { ok: false; badge: VerifiedBadge } {
  if (verdict.ok || !verdict.badge) return false;
  if (verdict.code === "BADGE_SUPERSEDED") return true;
  // Its end is told before its status: that has not been looked at yet.
  return verdict.code === "BADGE_EXPIRED" && isValidOrSuperseded(verdict.badge, site);
}

function isValidOrSuperseded({ claims, issuer }: VerifiedBadge, site: SiteState): boolean {
  const list = site.status.get(toHex(issuer.keyId))?.list;
  if (!list || claims.statusIndex >= list.length) return false;
  const status = list.get(claims.statusIndex);
  return status === STATUS.valid || status === STATUS.superseded;
}

function findSuccessor(bytes: Uint8Array, { issuer }: VerifiedBadge, site: SiteState): Uint8Array | undefined {
  const key = successorKey(bytes);
  const folder = `directory/${toHex(issuer.keyId)}/`;
  for (const [name, shard] of site.directory) {
    if (!name.startsWith(folder)) continue;
    const sealed = shard.successors.get(key);
    if (sealed) return openSuccessor(sealed, bytes, site.site);
  }
  return undefined;
}

function succeeds(next: VerifiedBadge, old: VerifiedBadge): boolean {
  const { claims: to, issuer } = next;
  const { claims: from } = old;
  return (
    sameBytes(issuer.keyId, old.issuer.keyId) &&
    to.holder !== undefined &&
    to.holder === from.holder &&
    sameOrNone(to.cardUid, from.cardUid) &&
    from.issuedAt !== undefined &&
    to.issuedAt !== undefined &&
    to.issuedAt > from.issuedAt &&
    to.succeeds !== undefined &&
    sameBytes(to.succeeds, old.hash)
  );
}

function sameOrNone(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : sameBytes(a, b);
}
