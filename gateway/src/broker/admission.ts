import { AGENT_ID } from "@badgekey/shared";
import type { PeerCertificate } from "node:tls";

/** CONNACK return codes of MQTT 3.1.1, section 3.2.2.3, that a refusal uses. */
export type ConnackCode = 2 | 5;

export interface AdmittedAgent {
  readonly kind: "admitted";
  readonly agent: string;
  /** Serial number of its certificate, upper-case hex as Node.js reports it. */
  readonly serial: string;
  /** End of its certificate, ms since the epoch. */
  readonly certificateExpiresAt: number;
}
export interface RefusedConnect {
  readonly kind: "refused";
  readonly connack: ConnackCode;
  readonly reason: string;
}
export type Admission = AdmittedAgent | RefusedConnect;

/** The members of a CONNECT packet that decide about its admission. */
export interface ConnectRequest {
  readonly clientId: string;
  readonly hasWill: boolean;
}

/**
 * Decides whether a CONNECT over TLS is an agent's. The certificate, already verified against the site CA, is the only
 * identity: the MQTT client id must equal its common name, user name and password are not looked at.
 */
export function admitAgent(
  certificate: PeerCertificate | null,
  connect: ConnectRequest,
  isRevoked: (agent: string, serial: string) => boolean,
): Admission {
  // Node.js gives null on a closed socket, an empty object without a certificate, an array of several common names.
  const subject = certificate?.subject as { readonly CN?: string | readonly string[] } | undefined;
  const agent = subject?.CN;
  if (!certificate || typeof agent !== "string" || !AGENT_ID.test(agent)) {
    return refuse(5, "the certificate's common name is not one agent id");
  }
  if (connect.clientId === "") return refuse(2, `client id is empty: agent ${agent} must use its own id`);
  if (connect.clientId !== agent) return refuse(2, `client id is not that of the certificate, agent ${agent}`);
  if (connect.hasWill) return refuse(5, `agent ${agent} brings a will, which is not allowed`);
  if (isRevoked(agent, certificate.serialNumber)) {
    return refuse(5, `the certificate ${certificate.serialNumber} of agent ${agent} is revoked`);
  }
  return {
    kind: "admitted",
    agent,
    serial: certificate.serialNumber,
    certificateExpiresAt: Date.parse(certificate.valid_to),
  };
}

function refuse(connack: ConnackCode, reason: string): RefusedConnect {
  return { kind: "refused", connack, reason };
}
