import { X509Certificate, createHash, createPublicKey } from "node:crypto";
import {
  type EnrolInput,
  type EnrolView,
  type Invite,
  type Root,
  ed25519PublicKey,
  enrolView,
  fromHex,
  openRoot,
  sameBytes,
  sha256,
  siteOf,
  toHex,
} from "@badgekey/shared";
import { RefusedError } from "../commands/refused-error.js";
import type { Enrolment } from "./enrolment-file.js";
import { askGateway } from "./gateway-request.js";

export interface EnrolDeps {
  /** Draws key material. */
  readonly random: (length: number) => Uint8Array;
}

const STRANGER = "do not enrol: have a new invite made, and ask whoever runs the network what stands in between";

/**
 * Enrols by an invite (SPEC 10): the invite pins the site CA and root version 1, so nothing that the network says is
 * believed without one of the two hashes. Private keys are made here and stay here. Throws a RefusedError.
 */
export async function enrol(invite: Invite, { random }: EnrolDeps): Promise<Enrolment> {
  const ca = await pinnedCa(invite);
  // Here and not above: the X.509 library takes memory that the running agent has no use for.
  const { createAgentRequest } = await import("../uplink/certificate-request.js");
  const { keyPem, requestPem } = await createAgentRequest({ agent: invite.agent });
  const agentKey = random(32);
  const input: EnrolInput = {
    agent: invite.agent,
    secret: toHex(invite.secret),
    certificateRequest: requestPem,
    agentKey: toHex(ed25519PublicKey(agentKey)),
  };
  const answer = await askGateway({
    method: "POST",
    url: new URL("/api/v1/enrol", invite.url),
    trust: { kind: "ca", ca },
    body: input,
  });
  const view = readAnswer(answer);
  checkCertificate(view.certificate, { ca, keyPem, agent: invite.agent });
  return {
    agent: invite.agent,
    site: invite.rootHash,
    roots: checkedRoots(view.roots, invite.rootHash),
    agentKey,
    tls: { cert: view.certificate, key: keyPem, ca },
    broker: view.broker,
    machines: view.machines,
    gateway: invite.url,
  };
}

/** What a person compares with the console: the first 8 bytes of the SHA-256 of the agent's public key, in groups. */
export function fingerprintOf(agentKey: Uint8Array): string {
  const hex = toHex(sha256(ed25519PublicKey(agentKey)).subarray(0, 8));
  return hex.replace(/(.{4})(?=.)/g, "$1 ");
}

/** The site CA, fetched from anyone and believed for its hash. */
async function pinnedCa(invite: Invite): Promise<string> {
  const pem = await askGateway({
    method: "GET",
    url: new URL("/api/v1/enrol/ca", invite.url),
    // Nothing secret goes out, and what comes back is compared with the invite.
    trust: { kind: "none" },
  });
  const certificate = readCertificate(pem, "the site's certificate authority");
  if (!sameBytes(createHash("sha256").update(certificate.raw).digest(), invite.caHash)) {
    throw new RefusedError("the site's certificate authority is not the one that the invite names", STRANGER);
  }
  // Exactly the one certificate that was hashed, whatever else the answer held.
  return certificate.toString();
}

function readAnswer(answer: string): EnrolView {
  try {
    return enrolView.parse(JSON.parse(answer));
  } catch (cause) {
    throw new RefusedError(
      "the gateway's answer cannot be read",
      "let gateway and agent be of the same version, then have a new invite made",
      { cause },
    );
  }
}

function checkCertificate(pem: string, made: { ca: string; keyPem: string; agent: string }): void {
  const certificate = readCertificate(pem, "the agent's certificate");
  const ca = new X509Certificate(made.ca);
  const isOurs =
    certificate.checkIssued(ca) &&
    certificate.verify(ca.publicKey) &&
    certificate.publicKey.equals(createPublicKey(made.keyPem)) &&
    certificate.subject === `CN=${made.agent}`;
  if (!isOurs) {
    throw new RefusedError("the certificate that came back is not for this agent's key and name", STRANGER);
  }
}

/** Root version 1 by the invite's hash, each later one by the one before it (SPEC 5.1). */
function checkedRoots(hex: readonly string[], expected: Uint8Array): Enrolment["roots"] {
  const [first, ...rest] = hex.map((text) => (/^(?:[0-9a-f]{2})+$/.test(text) ? fromHex(text) : new Uint8Array()));
  if (!first || !sameBytes(siteOf(first), expected)) {
    throw new RefusedError("the site's root is not the one that the invite names", STRANGER);
  }
  let trusted: Root | "self" = "self";
  for (const [index, bytes] of [first, ...rest].entries()) {
    const opened = openRoot(bytes, trusted);
    if (!opened.ok || opened.value.version !== index + 1) {
      throw new RefusedError(
        `the site's root version ${String(index + 1)} cannot be trusted: ${opened.ok ? "ROOT_VERSION_SKIPPED" : opened.code}`,
        STRANGER,
      );
    }
    trusted = opened.value;
  }
  return [first, ...rest];
}

function readCertificate(pem: string, what: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new RefusedError(`${what} is no certificate`, "let gateway and agent be of the same version", { cause });
  }
}
