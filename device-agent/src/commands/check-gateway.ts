import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { checkServerIdentity, connect } from "node:tls";
import { fingerprintOf } from "../enrolment/enrol.js";
import type { Enrolment } from "../enrolment/enrolment-file.js";
import { type Finding, failed, ok, warning } from "./finding.js";

const DAY_MS = 86_400_000;
const SOON_MS = 7 * DAY_MS;
const CONNECT_MS = 5_000;
/** With TLS 1.3 a server refuses a client's certificate only after the client has seen the handshake succeed. */
const REFUSAL_MS = 300;

/** `now`: the computer's own clock, because TLS goes by that one. */
export function checkEnrolment(enrolment: Enrolment, now: number, file: string): readonly Finding[] {
  const certificate = new X509Certificate(enrolment.tls.cert);
  const from = Date.parse(certificate.validFrom);
  const until = Date.parse(certificate.validTo);
  const anew = `have an invite made (badgekey agent invite ${enrolment.agent}), then: badgekey-agent enroll --config ${file} --replace`;
  const enrolled = ok(
    "enrolment",
    `agent ${enrolment.agent} at ${enrolment.gateway}, fingerprint ${fingerprintOf(enrolment.agentKey)}`,
  );
  const day = new Date(until).toISOString().slice(0, 10);
  if (now < from) {
    const detail = `is not valid yet by this computer's clock (from ${certificate.validFrom})`;
    return [enrolled, failed("certificate", detail, "sudo timedatectl set-ntp true")];
  }
  if (now >= until) return [enrolled, failed("certificate", `ended on ${day}`, anew)];
  if (until - now < 30 * DAY_MS) return [enrolled, warning("certificate", `ends on ${day}`, anew)];
  return [enrolled, ok("certificate", `valid until ${day}`)];
}

/** A TCP connection and a TLS handshake with the agent's own certificate, as the uplink makes them. */
export async function checkGateway(
  enrolment: Enrolment,
  address: { readonly host: string; readonly port: number },
  { monotonic, now }: { readonly monotonic: () => number; readonly now: number },
): Promise<Finding> {
  const place = `${address.host}:${String(address.port)}`;
  const startedMs = monotonic();
  const outcome = await handshake(enrolment, address);
  if ("endsAt" in outcome) {
    const answers = `${place} answers, TLS in ${String(Math.round(monotonic() - startedMs))} ms`;
    const end = new Date(outcome.endsAt).toISOString().slice(0, 10);
    const detail = `${answers}, its certificate for ${enrolment.broker.host} ends on ${end}`;
    return outcome.endsAt - now < SOON_MS
      ? warning("gateway", detail, "see to the gateway: it renews its certificate by itself")
      : ok("gateway", detail);
  }
  return failed("gateway", `${place}: ${outcome.reason}`, mendFor(outcome, address));
}

interface Reached {
  /** When the gateway's certificate ends. */
  readonly endsAt: number;
}

interface Trouble {
  readonly code: string;
  readonly reason: string;
}

function handshake(
  { tls, broker }: Enrolment,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Trouble | Reached> {
  return new Promise((resolve) => {
    const socket = connect({
      ...tls,
      host,
      port,
      minVersion: "TLSv1.3",
      servername: isIP(broker.host) === 0 ? broker.host : "",
      checkServerIdentity: (_host, certificate) => checkServerIdentity(broker.host, certificate),
    });
    const done = (outcome: Trouble | Reached): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    let timer = setTimeout(
      () => done({ code: "TIMEOUT", reason: `no answer in ${String(CONNECT_MS)} ms` }),
      CONNECT_MS,
    );
    socket.on("secureConnect", () => {
      clearTimeout(timer);
      const endsAt = Date.parse(socket.getPeerCertificate().valid_to);
      timer = setTimeout(() => done({ endsAt }), REFUSAL_MS);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      const code = error.code ?? "UNKNOWN";
      done({ code, reason: error.message.includes(code) ? error.message : `${code}: ${error.message}` });
    });
    socket.on("close", () =>
      done({ code: "CLOSED", reason: "the connection was closed: the gateway does not know this agent" }),
    );
  });
}

function mendFor({ code }: Trouble, { host, port }: { readonly host: string; readonly port: number }): string {
  if (code === "CERT_NOT_YET_VALID" || code === "CERT_HAS_EXPIRED") return "sudo timedatectl set-ntp true";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return `see to the name service: getent hosts ${host}`;
  if (["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "TIMEOUT"].includes(code)) {
    return `start the gateway, or open the way to it: nc -vz ${host} ${String(port)}`;
  }
  if (code === "CLOSED" || code.includes("ALERT")) {
    return "have a new invite made, then: badgekey-agent enroll --replace";
  }
  return "this is not the gateway that the agent was enrolled at: correct `gateway:` or enrol anew";
}
