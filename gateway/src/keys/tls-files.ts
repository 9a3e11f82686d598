import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { type SiteCa, createSiteCa, issueServerCertificate } from "../enrolment/site-ca.js";
import { writeFileDurably } from "./write-file.js";

/** The gateway's own certificate, for the broker and for HTTPS. */
export interface ServerTls {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
  readonly expiresAt: number;
}

const DAY_MS = 86_400_000;
const SERVER_DAYS = 365;

/** Reads the site's certificate authority, or makes it: certificate `ca.pem`, key `keys/ca.pem` of mode 0600. */
export async function loadSiteCa(dataDir: string, siteName: string, now: number): Promise<SiteCa> {
  const certPath = join(dataDir, "ca.pem");
  const keyPath = join(dataDir, "keys", "ca.pem");
  if (!existsSync(certPath)) {
    mkdirSync(join(dataDir, "keys"), { recursive: true, mode: 0o700 });
    const ca = await createSiteCa({ name: `${siteName.slice(0, 50)} site CA`, now });
    // The key first: a certificate without its key would stop the next start.
    writeFileDurably(keyPath, ca.keyPem, 0o600);
    writeFileDurably(certPath, ca.certPem, 0o644);
  }
  const certPem = readFileSync(certPath, "utf8");
  const keyPem = readFileSync(keyPath, "utf8");
  const certSha256 = new X509Certificate(certPem).fingerprint256.replaceAll(":", "").toLowerCase();
  return { certPem, keyPem, certSha256 };
}

/**
 * The server certificate for `hosts`: the stored one while it names them all and is in the first two thirds of its
 * life, else a fresh one. Call again now and then: it renews itself.
 */
export async function loadServerTls(
  dataDir: string,
  ca: SiteCa,
  hosts: readonly string[],
  now: number,
): Promise<ServerTls> {
  const path = join(dataDir, "keys", "server.pem");
  const held = existsSync(path) ? readServer(readFileSync(path, "utf8")) : undefined;
  if (held && isGood(held, hosts, now)) return { ...held, ca: ca.certPem };
  const { certPem, keyPem, expiresAt } = await issueServerCertificate(ca, { hosts, now, days: SERVER_DAYS });
  writeFileDurably(path, keyPem + certPem, 0o600);
  return { key: keyPem, cert: certPem, ca: ca.certPem, expiresAt };
}

function readServer(pem: string): Omit<ServerTls, "ca"> | undefined {
  const at = pem.indexOf("-----BEGIN CERTIFICATE-----");
  if (at < 0) return undefined;
  const cert = pem.slice(at);
  return { key: pem.slice(0, at), cert, expiresAt: Date.parse(new X509Certificate(cert).validTo) };
}

function isGood(held: Omit<ServerTls, "ca">, hosts: readonly string[], now: number): boolean {
  const certificate = new X509Certificate(held.cert);
  const named = hosts.every((host) => certificate.checkHost(host) ?? certificate.checkIP(host));
  return named && now < held.expiresAt - (SERVER_DAYS * DAY_MS) / 3;
}
