// @peculiar/x509 throws at import without this polyfill, which it does not bring along: keep it first.
import "reflect-metadata";
import { AGENT_ID } from "@badgekey/shared";
import { Name, PemConverter, Pkcs10CertificateRequestGenerator } from "@peculiar/x509";
import { webcrypto } from "node:crypto";

export interface AgentRequest {
  /** PKCS #8, not encrypted: belongs in a file of mode 0600 and never leaves the device. */
  readonly keyPem: string;
  /** PKCS #10, signed by that key: what the gateway certifies. */
  readonly requestPem: string;
}

const p256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/**
 * Makes the agent's TLS key (P-256, fresh) and the request for its certificate. The gateway decides the name; `agent`
 * stands in the request only so that a person who looks at it knows whose it is. Loaded at enrolment and renewal only:
 * the X.509 library has no place in the running agent's memory.
 */
export async function createAgentRequest({ agent }: { readonly agent: string }): Promise<AgentRequest> {
  if (!AGENT_ID.test(agent)) {
    throw new Error("agent must be an agent id: 1 to 32 of a-z, 0-9 and inner hyphens");
  }
  const keys = await webcrypto.subtle.generateKey(p256, true, ["sign", "verify"]);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: new Name([{ CN: [{ utf8String: agent }] }]),
    keys,
    signingAlgorithm: p256,
  });
  return {
    keyPem: `${PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY")}\n`,
    requestPem: `${PemConverter.encode(request.rawData, "CERTIFICATE REQUEST")}\n`,
  };
}
