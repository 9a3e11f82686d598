import {
  type EnrolInput,
  type Instant,
  encodeInvite,
  fromHex,
  isSoundEd25519Key,
  randomBytes,
  sha256,
} from "@badgekey/shared";
import { RefusedError } from "../refused.js";
import type { EnrolmentStore } from "./ports.js";
import { type AgentCertificate, CertificateRefusedError, type SiteCa, signAgentRequest } from "./site-ca.js";

export interface EnrolmentDeps {
  readonly store: EnrolmentStore;
  readonly ca: SiteCa;
  /** SHA-256 of root version 1. */
  readonly site: Uint8Array;
  /** Where agents reach the API. */
  readonly url: () => string;
  readonly clock: () => Instant;
  readonly random?: (length: number) => Uint8Array;
}

export interface NewInvite {
  /** Pasted on the Pi; shown once, only its secret's hash is kept. */
  readonly line: string;
  readonly expiresAt: Instant;
}

const CERTIFICATE_DAYS = 90;

/** Makes an invite for one agent: a one-use secret of 128 bits that expires after 1 to 15 minutes. */
export async function inviteAgent(agent: string, minutes: number, deps: EnrolmentDeps): Promise<NewInvite> {
  const { store, ca, site, url, clock, random = randomBytes } = deps;
  const secret = random(16);
  const now = clock();
  const expiresAt = now + minutes * 60_000;
  const line = encodeInvite({ url: url(), agent, secret, rootHash: site, caHash: fromHex(ca.certSha256) });
  await store.addInvite(sha256(secret), agent, now, expiresAt);
  return { line, expiresAt };
}

/**
 * Enrols an agent on the word of its invite: a certificate of 90 days for its TLS key, its report key noted. The invite
 * is used up only together with that. Refused: INVITE_INVALID, REQUEST_INVALID (key or request).
 */
export async function enrolAgent(
  input: EnrolInput,
  { store, ca, clock }: EnrolmentDeps,
): Promise<{ readonly certificate: string; readonly key: Uint8Array }> {
  const now = clock();
  const secretHash = sha256(fromHex(input.secret));
  if (!(await store.isOpen(secretHash, input.agent, now))) throw inviteInvalid();
  const key = fromHex(input.agentKey);
  if (!isSoundEd25519Key(key)) throw new RefusedError("REQUEST_INVALID", "agentKey: not a sound Ed25519 public key");
  const certificate = await certify(input, ca, now);
  const agent = {
    id: input.agent,
    key,
    certificateSerial: certificate.serial,
    certificateEndsAt: certificate.expiresAt,
  };
  if (!(await store.enrol(secretHash, agent, now))) throw inviteInvalid();
  return { certificate: certificate.certPem, key };
}

async function certify(input: EnrolInput, ca: SiteCa, now: Instant): Promise<AgentCertificate> {
  try {
    return await signAgentRequest(ca, input.certificateRequest, { agent: input.agent, now, days: CERTIFICATE_DAYS });
  } catch (cause) {
    if (cause instanceof CertificateRefusedError) {
      throw new RefusedError("REQUEST_INVALID", `certificateRequest: ${cause.message}`, { cause });
    }
    throw cause;
  }
}

function inviteInvalid(): RefusedError {
  return new RefusedError("INVITE_INVALID", "the invite is unknown, used or expired", {
    hint: "make a new one on the server: badgekey agent invite",
  });
}
