// @peculiar/x509 throws at import without this polyfill, which it does not bring along: keep it first.
import "reflect-metadata";
import { AGENT_ID, type RequestCode } from "@badgekey/shared";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  PemConverter,
  Pkcs10CertificateRequest,
  type PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { createHash, webcrypto } from "node:crypto";
import { isIP } from "node:net";

/**
 * The site's own certificate authority: TLS identities of the gateway and of its agents, nothing else. It proves who
 * is on the line; what loosens access is signed by the roles of the root (SPEC 4), never by this CA.
 *
 * **Clocks.** A Pi without a battery clock wakes up at the time it last saw, perhaps months ago. OpenSSL has no notion
 * of an untrusted clock, so certificates that *agents* check must not begin late: the CA begins an hour before its
 * making, and server certificates begin when the CA does, however often they are renewed. An agent whose clock is not
 * before its own enrolment thus always gets through to the time answer that mends its clock. Agents' certificates begin
 * an hour before their making: only the gateway checks those, and its clock is synchronised.
 * An agent whose clock is off still further sees CERT_NOT_YET_VALID or CERT_HAS_EXPIRED. It must not take that code as
 * "only the date is wrong": OpenSSL reports the last error it met, and a foreign chain with a wrong date looks the
 * same. Such an agent checks signature (`X509Certificate.verify` with the pinned CA's key) and name itself, or stays
 * offline.
 */
export interface SiteCa {
  readonly certPem: string;
  /** PKCS #8, not encrypted: belongs in a file of mode 0600. */
  readonly keyPem: string;
  /** SHA-256 of the certificate's DER, lower-case hex: what an invite pins. */
  readonly certSha256: string;
}

export interface ServerCertificate {
  readonly certPem: string;
  readonly keyPem: string;
  /** ms since the epoch. */
  readonly expiresAt: number;
}

export interface AgentCertificate {
  readonly certPem: string;
  /** Upper-case hex, as Node.js reports it for a connection. */
  readonly serial: string;
  /** ms since the epoch. */
  readonly expiresAt: number;
}

/** What was asked of the CA cannot be certified. The message names the field and what is wrong with it. */
export class CertificateRefusedError extends Error {
  override readonly name = "CertificateRefusedError";
  readonly code = "REQUEST_INVALID" satisfies RequestCode;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** As long as the root: replacing the CA means visiting every machine. */
const caDays = 3_650;
const p256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
/** SubjectPublicKeyInfo of an uncompressed P-256 point. */
const p256SpkiBytes = 91;
const maxRequestChars = 8_192;

/** Makes a CA with a fresh P-256 key, valid for ten years. `name` has 1 to 64 characters, `now` is in ms. */
export async function createSiteCa({ name, now }: { readonly name: string; readonly now: number }): Promise<SiteCa> {
  if (name.length < 1 || name.length > 64) {
    throw new CertificateRefusedError(`name must have 1 to 64 characters, not ${String(name.length)}`);
  }
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: createSerial(),
    name: commonName(name),
    notBefore: new Date(now - hourMs),
    notAfter: new Date(now + caDays * dayMs),
    keys,
    signingAlgorithm: p256,
    extensions: [
      // Path length 0: this CA certifies gateways and agents, never another CA.
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certPem: toPem(certificate.rawData, "CERTIFICATE"),
    keyPem: await exportPrivateKey(keys.privateKey),
    certSha256: createHash("sha256").update(new Uint8Array(certificate.rawData)).digest("hex"),
  };
}

export interface ServerCertificateRequest {
  /** DNS names and IP addresses under which agents reach the gateway, 1 to 32. */
  readonly hosts: readonly string[];
  readonly now: number;
  readonly days: number;
  /**
   * Default: when the CA began (see `SiteCa` on clocks). For a certificate that browsers check give an hour before now:
   * some refuse one that is valid for more than 825 days from end to end.
   */
  readonly notBeforeAt?: number;
}

/**
 * Issues the gateway a certificate with a fresh P-256 key. Throws a CertificateRefusedError where a host is neither
 * name nor address.
 */
export async function issueServerCertificate(
  ca: Pick<SiteCa, "certPem" | "keyPem">,
  { hosts, now, days, notBeforeAt }: ServerCertificateRequest,
): Promise<ServerCertificate> {
  if (hosts.length < 1 || hosts.length > 32) {
    throw new CertificateRefusedError(`hosts must name 1 to 32 hosts, not ${String(hosts.length)}`);
  }
  const issuer = await readCa(ca);
  const keys = await generateKeys();
  const { certPem, expiresAt } = await certify(issuer, {
    // The space keeps it apart from every agent id.
    subject: commonName("badgekey gateway"),
    publicKey: keys.publicKey,
    notBeforeAt: notBeforeAt ?? issuer.certificate.notBefore.getTime(),
    notAfterAt: now + checkDays(days) * dayMs,
    extensions: [
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(hosts.map(toGeneralName)),
    ],
  });
  return { certPem, keyPem: await exportPrivateKey(keys.privateKey), expiresAt };
}

export interface AgentCertificateRequest {
  readonly agent: string;
  readonly now: number;
  readonly days: number;
}

/**
 * Signs an agent's PKCS #10 request. Only its key is taken over: the common name is `agent`, whatever the request says,
 * and its extensions are ignored. The key must be P-256 and must have signed the request. Whoever calls has already
 * decided, by an invite, that the request comes from that agent. Throws a CertificateRefusedError.
 */
export async function signAgentRequest(
  ca: Pick<SiteCa, "certPem" | "keyPem">,
  csrPem: string,
  { agent, now, days }: AgentCertificateRequest,
): Promise<AgentCertificate> {
  if (!AGENT_ID.test(agent)) {
    throw new CertificateRefusedError("agent must be an agent id: 1 to 32 of a-z, 0-9 and inner hyphens");
  }
  return certify(await readCa(ca), {
    subject: commonName(agent),
    publicKey: await provenKey(csrPem),
    notBeforeAt: now - hourMs,
    notAfterAt: now + checkDays(days) * dayMs,
    extensions: [new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])],
  });
}

/** The public key of a request that was signed by that very key. */
async function provenKey(csrPem: string): Promise<PublicKey> {
  const { request, publicKey, keyAlgorithm, signed } = parseRequest(csrPem);
  if (keyAlgorithm.namedCurve !== "P-256" || publicKey.rawData.byteLength !== p256SpkiBytes) {
    throw new CertificateRefusedError("the certificate request's key must be an uncompressed P-256 key");
  }
  if (signed.name !== "ECDSA" || signed.hash?.name !== "SHA-256") {
    throw new CertificateRefusedError("the certificate request must be signed with ECDSA and SHA-256");
  }
  const holds = await request.verify().catch((cause: unknown) => {
    throw new CertificateRefusedError("the certificate request's key or signature is malformed", { cause });
  });
  if (!holds) throw new CertificateRefusedError("the certificate request's signature does not fit its key");
  return publicKey;
}

interface ParsedRequest {
  readonly request: Pkcs10CertificateRequest;
  readonly publicKey: PublicKey;
  readonly keyAlgorithm: { readonly namedCurve?: string };
  readonly signed: SignatureAlgorithm;
}

interface SignatureAlgorithm {
  readonly name: string;
  readonly hash?: { readonly name: string };
}

function parseRequest(csrPem: string): ParsedRequest {
  if (csrPem.length > maxRequestChars) {
    throw new CertificateRefusedError(
      `the certificate request must have at most ${String(maxRequestChars)} characters`,
    );
  }
  try {
    const request = new Pkcs10CertificateRequest(csrPem);
    const { publicKey } = request;
    // The library parses these when first asked for, and throws then. Its own types lean on the DOM's, which are not
    // there in Node.js.
    const keyAlgorithm = publicKey.algorithm as { readonly namedCurve?: string };
    const signed = request.signatureAlgorithm as unknown as SignatureAlgorithm;
    return { request, publicKey, keyAlgorithm, signed };
  } catch (cause) {
    throw new CertificateRefusedError("the certificate request must be a PKCS #10 request in PEM", { cause });
  }
}

interface Issuer {
  readonly certificate: X509Certificate;
  readonly key: webcrypto.CryptoKey;
}

async function readCa({ certPem, keyPem }: Pick<SiteCa, "certPem" | "keyPem">): Promise<Issuer> {
  const key = await webcrypto.subtle.importKey("pkcs8", PemConverter.decodeFirst(keyPem), p256, false, ["sign"]);
  return { certificate: new X509Certificate(certPem), key };
}

interface Certification {
  readonly subject: Name;
  readonly publicKey: webcrypto.CryptoKey | PublicKey;
  readonly notBeforeAt: number;
  readonly notAfterAt: number;
  readonly extensions: readonly Extension[];
}

async function certify(issuer: Issuer, wanted: Certification): Promise<AgentCertificate> {
  const serial = createSerial();
  // Past the CA's end the chain does not hold anyway; the shorter end is the one people are warned about.
  const notAfter = new Date(Math.min(wanted.notAfterAt, issuer.certificate.notAfter.getTime()));
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serial,
    subject: wanted.subject,
    issuer: issuer.certificate.subjectName,
    notBefore: new Date(wanted.notBeforeAt),
    notAfter,
    publicKey: wanted.publicKey,
    signingKey: issuer.key,
    signingAlgorithm: p256,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      ...wanted.extensions,
      await AuthorityKeyIdentifierExtension.create(issuer.certificate),
      await SubjectKeyIdentifierExtension.create(wanted.publicKey),
    ],
  });
  return {
    certPem: toPem(certificate.rawData, "CERTIFICATE"),
    serial: serial.toUpperCase(),
    expiresAt: certificate.notAfter.getTime(),
  };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(p256, true, ["sign", "verify"]);
}

async function exportPrivateKey(key: webcrypto.CryptoKey): Promise<string> {
  return toPem(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

function toPem(der: ArrayBuffer, label: string): string {
  return `${PemConverter.encode(der, label)}\n`;
}

/** 16 random bytes. The first one lies in 0x40..0x7f: positive in DER, and no leading zero that tools would drop. */
function createSerial(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = 0x40 | ((bytes[0] as number) & 0x3f);
  return Buffer.from(bytes).toString("hex");
}

function commonName(value: string): Name {
  return new Name([{ CN: [{ utf8String: value }] }]);
}

function checkDays(days: number): number {
  if (Number.isInteger(days) && days >= 1 && days <= caDays) return days;
  throw new CertificateRefusedError(`days must be a whole number from 1 to ${String(caDays)}, not ${String(days)}`);
}

function toGeneralName(host: string): JsonGeneralName {
  if (isIP(host)) return { type: "ip", value: host };
  if (host.length <= 253 && host.split(".").every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(label))) {
    return { type: "dns", value: host };
  }
  throw new CertificateRefusedError("hosts must hold DNS names and IP addresses, without port or path");
}
