import { sha256 } from "#crypto";
import { decodeSign1, toBeSigned } from "../cbor/sign1.js";
import { toHex } from "../cbor/value.js";
import type { BadgeCode } from "../codes.js";
import { type Engine, verifyEd25519 } from "../crypto/verify.js";
import { STATUS } from "../status/status-list.js";
import { readOr } from "../trust/signed-object.js";
import type { BadgeTrust } from "../trust/site-state.js";
import type { IssuerEntry } from "../trust/trust-list.js";
import type { Instant } from "../verdict.js";
import { BADGE_MAX_BYTES, type BadgeClaims, DAY_MS, type Level, readClaims } from "./badge.js";

/** A grant under this site's training number, with its own end. */
export interface SiteGrant {
  readonly training: number;
  readonly level: Level;
  readonly endsAt: Instant;
}

/** A badge whose signature holds; whether it may open anything is the verdict's business. */
export interface VerifiedBadge {
  readonly claims: BadgeClaims;
  readonly issuer: IssuerEntry;
  /** First 8 bytes of the SHA-256 of the badge: its name in records and successors. */
  readonly hash: Uint8Array;
  /** Mapped to this site's numbers; grants the issuer may not give here are left out (SPEC 3.4). */
  readonly grants: readonly SiteGrant[];
}

export type BadgeVerdict =
  | { readonly ok: true; readonly badge: VerifiedBadge }
  /** `badge` is there once its signature held: enough to say when it ended, never enough to open. */
  | { readonly ok: false; readonly code: BadgeCode; readonly badge?: VerifiedBadge };

interface Envelope {
  readonly keyId: Uint8Array;
  readonly protectedBytes: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Decides whether `bytes` is a badge we accept now (ms). SPEC 3.5; the order of the lines is the order of the codes.
 */
export function verifyBadge(
  bytes: Uint8Array,
  site: BadgeTrust,
  now: Instant,
  engine: Engine = "native",
): BadgeVerdict {
  const envelope = readEnvelope(bytes); // SPEC 3.1: size and shape only
  if (!envelope) return { ok: false, code: "BADGE_MALFORMED" };
  const issuer = site.trust?.issuers.get(toHex(envelope.keyId)); // the kid selects a key, it proves nothing
  if (!issuer) return { ok: false, code: "ISSUER_UNTRUSTED" };
  if (!signatureHolds(envelope, issuer.key, engine)) return { ok: false, code: "SIGNATURE_INVALID" }; // over the bytes received
  const claims = readClaims(envelope.payload); // SPEC 3.2: only now is the payload read
  if (!claims) return { ok: false, code: "BADGE_MALFORMED" };
  const badge = { claims, issuer, hash: sha256(bytes).subarray(0, 8), grants: siteGrants(claims, issuer) };
  if (!issuedInWindow(claims, issuer, now)) return { ok: false, code: "ISSUER_OUT_OF_WINDOW", badge };
  if (now >= claims.expiresAt) return { ok: false, code: "BADGE_EXPIRED", badge };
  const code = statusCode(site, issuer, claims.statusIndex);
  return code ? { ok: false, code, badge } : { ok: true, badge };
}

/**
 * Only the badge profile: tag 18, protected exactly {1: -19, 4: kid}, unprotected {}, payload and 64-byte signature.
 */
function readEnvelope(bytes: Uint8Array): Envelope | undefined {
  if (bytes.length > BADGE_MAX_BYTES) return undefined;
  const sign1 = readOr(() => decodeSign1(bytes));
  if (!sign1?.tagged || sign1.payload === null || sign1.unprotectedHeader.size > 0) return undefined;
  const { protectedBytes, payload, signature } = sign1;
  // a2 01 32 04 44: {1: -19, 4: <4 bytes>} has one deterministic encoding.
  const exact = protectedBytes.length === 9 && PROTECTED_PREFIX.every((byte, index) => protectedBytes[index] === byte);
  if (!exact || signature.length !== 64) return undefined;
  return { keyId: protectedBytes.subarray(5), protectedBytes, payload, signature };
}

const PROTECTED_PREFIX = [0xa2, 0x01, 0x32, 0x04, 0x44];

function signatureHolds(envelope: Envelope, publicKey: Uint8Array, engine: Engine): boolean {
  const message = toBeSigned(envelope.protectedBytes, envelope.payload);
  return verifyEd25519({ publicKey, message, signature: envelope.signature, engine });
}

/**
 * By iat, so that badges outlive the rotation of their key; without iat the window must be open now and no cut-off set.
 */
function issuedInWindow(claims: BadgeClaims, issuer: IssuerEntry, now: Instant): boolean {
  if (claims.issuedAt === undefined) {
    return issuer.issuedBefore === undefined && now >= issuer.notBefore && now <= issuer.notAfter;
  }
  if (issuer.issuedBefore !== undefined && claims.issuedAt >= issuer.issuedBefore) return false;
  return claims.issuedAt >= issuer.notBefore && claims.issuedAt <= issuer.notAfter;
}

function statusCode(site: BadgeTrust, issuer: IssuerEntry, index: number): BadgeCode | undefined {
  const list = site.status.get(toHex(issuer.keyId))?.list;
  if (!list || index >= list.length) return "STATUS_UNKNOWN";
  switch (list.get(index)) {
    case STATUS.valid:
      return undefined;
    case STATUS.revoked:
      return "BADGE_REVOKED";
    case STATUS.suspended:
      return "BADGE_SUSPENDED";
    default:
      return "BADGE_SUPERSEDED";
  }
}

/** Training numbers belong to the issuer; what its entry does not map is ignored, the others count. */
function siteGrants(claims: BadgeClaims, issuer: IssuerEntry): readonly SiteGrant[] {
  const grants: SiteGrant[] = [];
  for (const { training, level, daysBefore } of claims.grants) {
    const mapped = issuer.trainings.get(training);
    if (mapped !== undefined) grants.push({ training: mapped, level, endsAt: claims.expiresAt - daysBefore * DAY_MS });
  }
  return grants;
}
