// @peculiar/x509 throws at import without this polyfill, which it does not bring along: keep it first.
import "reflect-metadata";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  Pkcs10CertificateRequest,
  PemConverter,
  type PublicKey,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { createHash, webcrypto } from "node:crypto";
import type { AgentTls } from "../uplink/broker-connection.js";

/** Certificates as a site's CA makes them, for tests that need real TLS. */
export interface TestAuthority {
  readonly certPem: string;
  /** SHA-256 of the certificate's DER. */
  readonly hash: Uint8Array;
  server(host?: string): Promise<{ readonly key: string; readonly cert: string }>;
  agent(name: string): Promise<AgentTls>;
  /** Certifies the key of a request under a name, as the gateway does at enrolment; PEM. */
  sign(requestPem: string, name: string): Promise<string>;
}

const p256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const HOUR_MS = 3_600_000;

/** `now` is the computer's own clock: TLS knows no other. */
export async function testAuthority(now: number): Promise<TestAuthority> {
  const validity = { notBefore: new Date(now - HOUR_MS), notAfter: new Date(now + 24 * HOUR_MS) };
  const keys = await generateKeys();
  const ca = await X509CertificateGenerator.createSelfSigned({
    name: "CN=test site",
    keys,
    signingAlgorithm: p256,
    extensions: [new BasicConstraintsExtension(true, 0, true)],
    ...validity,
  });
  const certPem = ca.toString("pem");

  async function certify(
    name: string,
    publicKey: webcrypto.CryptoKey | PublicKey,
    extensions: Extension[],
  ): Promise<string> {
    const certificate = await X509CertificateGenerator.create({
      subject: `CN=${name}`,
      issuer: ca.subject,
      publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: p256,
      extensions,
      ...validity,
    });
    return certificate.toString("pem");
  }

  return {
    certPem,
    hash: new Uint8Array(createHash("sha256").update(new Uint8Array(ca.rawData)).digest()),
    async server(host = "127.0.0.1") {
      const own = await generateKeys();
      const type = /^[0-9.]+$/.test(host) ? "ip" : "dns";
      const cert = await certify("test gateway", own.publicKey, [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension([{ type, value: host }]),
      ]);
      return { cert, key: await privateKeyPem(own) };
    },
    async agent(name) {
      const own = await generateKeys();
      const usage = new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]);
      return { cert: await certify(name, own.publicKey, [usage]), key: await privateKeyPem(own), ca: certPem };
    },
    async sign(requestPem, name) {
      const request = new Pkcs10CertificateRequest(requestPem);
      if (!(await request.verify())) throw new Error("the request is not signed by its own key");
      return certify(name, request.publicKey, [new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])]);
    },
  };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(p256, true, ["sign", "verify"]);
}

async function privateKeyPem({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", privateKey), "PRIVATE KEY");
}
