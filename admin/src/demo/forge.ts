import {
  type BadgeClaims,
  type Grant,
  type Instant,
  type Signer,
  DAY_MS,
  decodeSign1,
  encodeDeterministic,
  fromHex,
  randomBytes,
  readClaims,
  signBadge,
  signerOf,
} from "@badgekey/shared";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** Badges that a machine must refuse, each for one reason: made from a good one, because that is how it is done. */

export function claimsOf(badge: Uint8Array): BadgeClaims {
  const { payload } = decodeSign1(badge);
  const claims = payload ? readClaims(payload) : undefined;
  if (!claims) throw new TypeError("not a badge");
  return claims;
}

/** One byte changed: the last grant's level becomes steward. Nothing else differs, so only the signature can tell. */
export function withOneByteChanged(badge: Uint8Array): Uint8Array {
  const scope = encodeDeterministic(claimsOf(badge).grants.map(({ training, level }) => [training, level]));
  const at = Buffer.from(badge).indexOf(scope);
  if (at < 0) throw new TypeError("the badge's grants all have to end with it");
  const changed = badge.slice();
  changed[at + scope.length - 1] = 4;
  return changed;
}

/** The same claims, of an earlier time: ended before this badge was issued. Signed by the site's own issuer. */
export function expired(badge: Uint8Array, issuer: Signer): Uint8Array {
  const claims = claimsOf(badge);
  const end = issuedAt(claims) - 1000;
  return signBadge({ ...claims, issuedAt: end - EARLIER_MS, expiresAt: end }, issuer);
}

/** The grant for `training` ended before this badge was issued; the others last `days` days longer. */
export function withGrantEnded(badge: Uint8Array, training: number, days: number, issuer: Signer): Uint8Array {
  const claims = claimsOf(badge);
  const grants: Grant[] = claims.grants.map((grant) => ({
    ...grant,
    daysBefore: grant.training === training ? days : 0,
  }));
  const end = issuedAt(claims) - 1000;
  return signBadge({ ...claims, grants, issuedAt: end - EARLIER_MS, expiresAt: end + days * DAY_MS }, issuer);
}

/** Within the hour by which the trust list accepts the issuer before the site began. */
const EARLIER_MS = 30 * 60_000;

/** The same claims, signed by a key that no trust list names. */
export function byUnknownIssuer(badge: Uint8Array): Uint8Array {
  return signBadge(claimsOf(badge), signerOf(randomBytes(32)));
}

function issuedAt({ issuedAt }: BadgeClaims): Instant {
  if (issuedAt === undefined) throw new TypeError("a badge without iat is not for the demo");
  return issuedAt;
}

/** The demo owns its gateway's data, keys included: it signs what a real gateway would refuse to. */
export async function readIssuerKey(gatewayDataDir: string): Promise<Signer> {
  const path = join(gatewayDataDir, "keys", "issuer.key");
  const secret = /^badgekey-key-1 issuer ([0-9a-f]{64})\s*$/.exec(await readFile(path, "utf8"))?.[1];
  if (secret === undefined) throw new TypeError(`${path} is no issuer key`);
  return signerOf(fromHex(secret));
}
