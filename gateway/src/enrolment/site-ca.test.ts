import "reflect-metadata";
import { Pkcs10CertificateRequestGenerator } from "@peculiar/x509";
import { createHash, webcrypto, X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import {
  CertificateRefusedError,
  createSiteCa,
  issueServerCertificate,
  type ServerCertificate,
  signAgentRequest,
  type SiteCa,
} from "./site-ca.js";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
// TLS checks certificates against the computer's clock, so these tests cannot move it.
const now = Math.floor(Date.now() / 1_000) * 1_000;

async function createRequest(
  algorithm: object = { name: "ECDSA", namedCurve: "P-256" },
  hash = "SHA-256",
): Promise<{ keyPem: string; csr: Uint8Array; csrPem: string }> {
  const keys = await webcrypto.subtle.generateKey(algorithm as webcrypto.EcKeyGenParams, true, ["sign", "verify"]);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: "CN=someone-else",
    keys,
    signingAlgorithm: { ...algorithm, hash },
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  const csr = new Uint8Array(request.rawData);
  return { keyPem: pem(key, "PRIVATE KEY"), csr, csrPem: pem(csr, "CERTIFICATE REQUEST") };
}

function pem(der: Uint8Array, label: string): string {
  const body = Buffer.from(der).toString("base64").replaceAll(/.{64}/g, "$&\n");
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
}

let ca: SiteCa;
let server: ServerCertificate;

beforeAll(async () => {
  ca = await createSiteCa({ name: "Überwerkstatt, Halle #2", now });
  server = await issueServerCertificate(ca, { hosts: ["gateway.local", "127.0.0.1", "::1"], now, days: 90 });
});

async function enrolled(agent: string): Promise<{ key: string; cert: string }> {
  const { keyPem, csrPem } = await createRequest();
  return { key: keyPem, cert: (await signAgentRequest(ca, csrPem, { agent, now, days: 365 })).certPem };
}

/** The certificate's common name as the server sees it, or the error code with which the handshake failed. */
async function shakeHands(
  identity: { key: string; cert: string },
  serverIdentity: { keyPem: string; certPem: string } = server,
  trusted: SiteCa = ca,
): Promise<string> {
  const listener = createServer({
    key: serverIdentity.keyPem,
    cert: serverIdentity.certPem,
    ca: ca.certPem,
    minVersion: "TLSv1.3",
    requestCert: true,
    rejectUnauthorized: true,
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const outcome = new Promise<string>((resolve) => {
    listener.on("secureConnection", (socket: TLSSocket) => {
      resolve(socket.getPeerCertificate().subject.CN as string);
      socket.destroy();
    });
    listener.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
      resolve(error.code ?? error.message);
      socket.destroy();
    });
  });
  const client = connect({
    ...identity,
    ca: trusted.certPem,
    host: "127.0.0.1",
    port: (listener.address() as AddressInfo).port,
    minVersion: "TLSv1.3",
  });
  const clientError = new Promise<string>((resolve) => {
    client.on("error", (error: NodeJS.ErrnoException) => {
      if (!client.authorized && error.code !== "ECONNRESET") resolve(`client: ${error.code ?? error.message}`);
    });
  });
  const result = await Promise.race([clientError, outcome]);
  client.destroy();
  listener.close();
  return result;
}

describe("a site CA", () => {
  test("is a CA for TLS 1.3 handshakes in both directions", async () => {
    expect(await shakeHands(await enrolled("laser-1"))).toBe("laser-1");
  });

  test("names the hash that an invite pins", () => {
    expect(ca.certSha256).toBe(createHash("sha256").update(new X509Certificate(ca.certPem).raw).digest("hex"));
  });

  test("certifies no other CA and stands for ten years, from an hour ago", () => {
    const certificate = new X509Certificate(ca.certPem);
    expect(certificate.ca).toBe(true);
    expect(Date.parse(certificate.validFrom)).toBe(now - hourMs);
    expect(Date.parse(certificate.validTo)).toBe(now + 3_650 * dayMs);
    expect(certificate.subject).toBe("CN=Überwerkstatt\\, Halle #2");
  });

  test.each(["", "x".repeat(65)])("wants a name of 1 to 64 characters", async (name) => {
    await expect(createSiteCa({ name, now })).rejects.toThrow("name must have 1 to 64 characters");
  });
});

describe("a server certificate", () => {
  test("is for its hosts and begins when the CA began, however late it is renewed", async () => {
    const renewed = await issueServerCertificate(ca, {
      hosts: ["gateway.local", "127.0.0.1", "::1"],
      now: now + 700 * dayMs,
      days: 90,
    });
    const certificate = new X509Certificate(renewed.certPem);
    expect(certificate.checkHost("gateway.local")).toBe("gateway.local");
    expect(certificate.checkIP("::1")).toBe("::1");
    expect(certificate.checkHost("elsewhere.local")).toBeUndefined();
    expect(certificate.verify(new X509Certificate(ca.certPem).publicKey)).toBe(true);
    expect(Date.parse(certificate.validFrom)).toBe(now - hourMs);
    expect(renewed.expiresAt).toBe(now + 790 * dayMs);
    // An agent whose clock stands 700 days behind the gateway's still gets through.
    expect(await shakeHands(await enrolled("laser-1"), renewed)).toBe("laser-1");
  });

  test("begins when asked to, for browsers that count the days", async () => {
    const issued = await issueServerCertificate(ca, { hosts: ["localhost"], now, days: 90, notBeforeAt: now + dayMs });
    expect(Date.parse(new X509Certificate(issued.certPem).validFrom)).toBe(now + dayMs);
    // That this code shows up is why such a date is not the default.
    const late = await issueServerCertificate(ca, { hosts: ["127.0.0.1"], now, days: 90, notBeforeAt: now + dayMs });
    expect(await shakeHands(await enrolled("laser-1"), late)).toBe("client: CERT_NOT_YET_VALID");
  });

  test("does not pass for an agent", async () => {
    expect(await shakeHands({ key: server.keyPem, cert: server.certPem })).not.toBe("badgekey gateway");
  });

  test("of another CA is refused by an agent", async () => {
    const other = await createSiteCa({ name: "other", now });
    const foreign = await issueServerCertificate(other, { hosts: ["127.0.0.1"], now, days: 90 });
    expect(await shakeHands(await enrolled("laser-1"), foreign)).toMatch(/^client: /);
  });

  test.each([[[]], [["gateway.local:8883"]], [["a b"]], [["https://x"]], [["-x"]]])("is not for %j", async (hosts) => {
    await expect(issueServerCertificate(ca, { hosts, now, days: 90 })).rejects.toThrow(CertificateRefusedError);
  });
});

describe("an agent's certificate", () => {
  test("bears the agent's name, not that of the request, and is for clients only", async () => {
    const { csrPem } = await createRequest();
    const issued = await signAgentRequest(ca, csrPem, { agent: "lathe", now, days: 365 });
    const certificate = new X509Certificate(issued.certPem);
    expect(certificate.subject).toBe("CN=lathe");
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
    expect(certificate.serialNumber).toBe(issued.serial);
    expect(Date.parse(certificate.validFrom)).toBe(now - hourMs);
    expect(issued.expiresAt).toBe(now + 365 * dayMs);
  });

  test("does not outlive the CA", async () => {
    const { csrPem } = await createRequest();
    const issued = await signAgentRequest(ca, csrPem, { agent: "lathe", now: now + 3_600 * dayMs, days: 365 });
    expect(issued.expiresAt).toBe(now + 3_650 * dayMs);
  });

  test("does not pass for the gateway", async () => {
    const agent = await enrolled("laser-1");
    const posing = { keyPem: agent.key, certPem: agent.cert };
    expect(await shakeHands(await enrolled("lathe"), posing)).toMatch(/^client: /);
  });

  test("of another CA is refused by the gateway", async () => {
    const other = await createSiteCa({ name: "other", now });
    const { keyPem, csrPem } = await createRequest();
    const { certPem } = await signAgentRequest(other, csrPem, { agent: "laser-1", now, days: 1 });
    expect(await shakeHands({ key: keyPem, cert: certPem })).not.toBe("laser-1");
  });

  test("is not issued for a request with a bad signature", async () => {
    const { csr } = await createRequest();
    const forged = csr.slice();
    forged[forged.length - 1] = (forged[forged.length - 1] as number) ^ 1;
    await expect(
      signAgentRequest(ca, pem(forged, "CERTIFICATE REQUEST"), { agent: "laser-1", now, days: 1 }),
    ).rejects.toThrow("signature");
  });

  test("is not issued for a key that another request's signature belongs to", async () => {
    const mine = await createRequest();
    const theirs = await createRequest();
    const spki = (csr: Uint8Array) => Buffer.from(csr).indexOf(Buffer.from("3059301306", "hex"));
    const swapped = mine.csr.slice();
    swapped.set(theirs.csr.subarray(spki(theirs.csr), spki(theirs.csr) + 91), spki(mine.csr));
    await expect(
      signAgentRequest(ca, pem(swapped, "CERTIFICATE REQUEST"), { agent: "laser-1", now, days: 1 }),
    ).rejects.toThrow("the certificate request's signature does not fit its key");
  });

  test.each([
    ["P-384", { name: "ECDSA", namedCurve: "P-384" }, "SHA-256", "must be an uncompressed P-256 key"],
    [
      "RSA",
      { name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), hash: "SHA-256" },
      "SHA-256",
      "must be an uncompressed P-256 key",
    ],
    ["P-256 with SHA-1", { name: "ECDSA", namedCurve: "P-256" }, "SHA-1", "must be signed with ECDSA and SHA-256"],
  ])("is not issued for %s", async (_title, algorithm, hash, message) => {
    const { csrPem } = await createRequest(algorithm, hash);
    await expect(signAgentRequest(ca, csrPem, { agent: "laser-1", now, days: 1 })).rejects.toThrow(message);
  });

  test.each([
    ["nothing", ""],
    ["text", "hello"],
    ["another object", pem(Uint8Array.of(0x30, 0x03, 0x02, 0x01, 0x05), "CERTIFICATE REQUEST")],
    ["too much", "x".repeat(9_000)],
  ])("is not issued for %s", async (_title, csrPem) => {
    const refused = signAgentRequest(ca, csrPem, { agent: "laser-1", now, days: 1 });
    await expect(refused).rejects.toThrow(CertificateRefusedError);
    await expect(refused).rejects.toMatchObject({ code: "REQUEST_INVALID" });
  });

  test("is not issued for a name that is no agent id, or without an end", async () => {
    const { csrPem } = await createRequest();
    await expect(signAgentRequest(ca, csrPem, { agent: "Laser 1", now, days: 1 })).rejects.toThrow("agent id");
    await expect(signAgentRequest(ca, csrPem, { agent: "laser", now, days: 0 })).rejects.toThrow("days must be");
  });
});
