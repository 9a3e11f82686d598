import { X509Certificate, createPrivateKey } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type EnrolView, encodeInvite, sha256, ed25519PublicKey, toHex } from "@badgekey/shared";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readEnrolment } from "../enrolment/enrolment-file.js";
import { type EnrolmentServerOptions, startEnrolmentServer } from "../testing/fake-enrolment-server.js";
import { testAuthority } from "../testing/test-certificates.js";
import { runEnroll } from "./enroll.js";
import { RefusedError } from "./refused-error.js";

let folder: string;
let config: string;
const cleanups: (() => Promise<void>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "badgekey-enroll-"));
  config = join(folder, "agent.yaml");
  await writeFile(
    config,
    "agent: laser-1\ndataDir: data\nreaders: [{ driver: pcsc }]\nrelay: { driver: auto, pin: 17 }\n",
  );
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await rm(folder, { recursive: true, force: true });
});

async function aServer(options: Partial<EnrolmentServerOptions> = {}) {
  const server = await startEnrolmentServer({ now: Date.now(), ...options });
  cleanups.push(() => server.close());
  return server;
}

async function enroll(line: string, { replace = false, isTTY = false } = {}) {
  let out = "";
  let err = "";
  const stdin = Object.assign(Readable.from([Buffer.from(line)]), { isTTY });
  const io = {
    version: "test",
    stdin,
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    wallClock: () => 0,
    monotonic: () => 0,
  };
  const refused = await runEnroll({ config, replace }, io).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof RefusedError) return error;
      throw error;
    },
  );
  return { out, err, refused };
}

const stored = () => readEnrolment(join(folder, "data"));

describe("enroll", () => {
  test("one pasted line gives the agent its identity, and keys that never left", async () => {
    const server = await aServer();
    const { out, err, refused } = await enroll(`\n  ${server.line}\r\n`, { isTTY: true });
    expect(refused).toBeUndefined();
    expect(server.asked).toEqual(["GET /api/v1/enrol/ca", "POST /api/v1/enrol"]);
    const enrolment = await stored();
    if (!enrolment) throw new Error("nothing was stored");
    expect(enrolment).toMatchObject({ agent: "laser-1", broker: { host: "127.0.0.1", port: 8883 } });
    expect(enrolment.site).toEqual(server.site.site);
    expect(enrolment.roots).toEqual([server.site.rootBytes]);
    const certificate = new X509Certificate(enrolment.tls.cert);
    expect(certificate.checkPrivateKey(createPrivateKey(enrolment.tls.key))).toBe(true);
    expect(certificate.subject).toBe("CN=laser-1");
    const fingerprint = toHex(sha256(ed25519PublicKey(enrolment.agentKey)).subarray(0, 8));
    expect(out.replaceAll(" ", "").trim()).toBe(fingerprint);
    expect(out).toMatch(/^([0-9a-f]{4} ){3}[0-9a-f]{4}\n$/);
    expect(err).toContain("badgekey agent invite laser-1");
    expect(err).toContain("Next: badgekey-agent doctor --config");
    const files = await readdir(join(folder, "data/enrolment"));
    expect(files).toEqual(["enrolment.json"]);
    expect((await stat(join(folder, "data/enrolment/enrolment.json"))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, "data/enrolment"))).mode & 0o777).toBe(0o700);
  });

  test("without TLS on this computer alone, as the demo does", async () => {
    const server = await aServer({ protocol: "http" });
    expect((await enroll(server.line)).refused).toBeUndefined();
    expect((await stored())?.gateway).toBe(server.invite.url);
  });

  test("an invite works once, and what was refused stores nothing", async () => {
    const server = await aServer();
    await enroll(server.line);
    const again = await enroll(server.line);
    expect(again.refused?.message).toContain("agent laser-1 is enrolled already");
    expect(again.refused?.hint).toContain("--replace");
    const before = await readFile(join(folder, "data/enrolment/enrolment.json"), "utf8");
    const used = await enroll(server.line, { replace: true });
    expect(used.refused?.message).toBe("INVITE_INVALID: the invite is unknown, used or expired");
    expect(await readFile(join(folder, "data/enrolment/enrolment.json"), "utf8")).toBe(before);
  });

  test("where nothing can be stored the invite is not used up", async () => {
    const server = await aServer();
    await writeFile(join(folder, "data"), "a file in the folder's place");
    const { refused } = await enroll(server.line, { replace: true });
    expect(refused?.message).toContain(`${join(folder, "data")} cannot be written`);
    expect(refused?.hint).toContain("dataDir");
    expect(server.asked).toEqual([]);
  });

  test("another CA than the invite's is refused before the secret goes out", async () => {
    const server = await aServer();
    const line = encodeInvite({ ...server.invite, caHash: new Uint8Array(32).fill(1) });
    const { refused } = await enroll(line);
    expect(refused?.message).toBe("the site's certificate authority is not the one that the invite names");
    expect(server.asked).toEqual(["GET /api/v1/enrol/ca"]);
    expect(await stored()).toBeUndefined();
  });

  test("a server that shows the right CA and stands under another one does not get the secret", async () => {
    const server = await aServer({ tlsAuthority: await testAuthority(Date.now()) });
    const { refused } = await enroll(server.line);
    expect(refused?.message).toMatch(/cannot be asked: (CERT_SIGNATURE_FAILURE|UNABLE_TO)/);
    expect(refused?.hint).toContain("someone is in between");
    expect(server.asked).toEqual(["GET /api/v1/enrol/ca"]);
  });

  test("a certificate for another name is no gateway", async () => {
    const server = await aServer({ host: "gateway.example" });
    const { refused } = await enroll(server.line);
    expect(refused?.message).toContain("ERR_TLS_CERT_ALTNAME_INVALID");
    expect(refused?.hint).toContain("add 127.0.0.1 to https.names");
  });

  test("another root than the invite's is refused", async () => {
    const server = await aServer();
    const { refused } = await enroll(encodeInvite({ ...server.invite, rootHash: new Uint8Array(32).fill(1) }));
    expect(refused?.message).toBe("the site's root is not the one that the invite names");
    expect(await stored()).toBeUndefined();
  });

  test.each<[string, (view: EnrolView) => unknown, string]>([
    ["no roots", (view) => ({ ...view, roots: [] }), "the site's root is not the one"],
    ["a later root that nobody signed", (view) => ({ ...view, roots: [...view.roots, "00"] }), "root version 2 cannot be trusted: OBJECT_MALFORMED"], // prettier-ignore
    ["root version 1 twice", (view) => ({ ...view, roots: [...view.roots, ...view.roots] }), "root version 2 cannot be trusted"], // prettier-ignore
    ["no certificate", (view) => ({ ...view, certificate: "x" }), "the agent's certificate is no certificate"],
    ["something else", () => ({ hello: "world" }), "the gateway's answer cannot be read"],
  ])("an answer with %s is refused", async (_what, change, message) => {
    const server = await aServer({ change });
    expect((await enroll(server.line)).refused?.message).toContain(message);
    expect(await stored()).toBeUndefined();
  });

  test("a certificate for another agent, or for another key, is refused", async () => {
    const other = await testAuthority(Date.now());
    for (const certify of [
      (request: string) => other.sign(request, "laser-1"),
      async () => (await other.agent("laser-1")).cert,
    ]) {
      const server = await aServer({ certify });
      const { refused } = await enroll(server.line);
      expect(refused?.message).toBe("the certificate that came back is not for this agent's key and name");
    }
    expect(await stored()).toBeUndefined();
  });

  test.each([
    ["", "INVITE_INVALID: an invite is one line"],
    ["hello\n", "INVITE_INVALID: an invite is one line"],
    ["badgekey1:AAAA\n", "INVITE_INVALID: the line is damaged"],
    [`${"x".repeat(100_000)}\n`, "INVITE_INVALID"],
  ])("a line that is no invite is refused with what to do", async (line, message) => {
    const { refused } = await enroll(line);
    expect(refused?.message).toContain(message);
    expect(refused?.hint).toContain("badgekey agent invite laser-1");
  });

  test("an invite for another agent, and a folder of another site, are refused", async () => {
    const server = await aServer();
    const other = await enroll(encodeInvite({ ...server.invite, agent: "saw-1" }));
    expect(other.refused?.message).toContain("the invite is for agent saw-1");
    await enroll(server.line);
    const elsewhere = encodeInvite({ ...server.invite, rootHash: new Uint8Array(32).fill(1) });
    expect((await enroll(elsewhere, { replace: true })).refused?.message).toContain(
      "holds the records of another site",
    );
  });

  test("a gateway that is away is told with the way to look", async () => {
    const server = await aServer();
    await server.close();
    cleanups.length = 0;
    const { refused } = await enroll(server.line);
    expect(refused?.message).toContain("cannot be asked: ECONNREFUSED");
    expect(refused?.hint).toContain(`curl -k ${server.invite.url}/api/v1/health`);
  });

  test("a damaged enrolment is told, and replaced when asked", async () => {
    const server = await aServer();
    await enroll(server.line);
    await writeFile(join(folder, "data/enrolment/enrolment.json"), "{");
    await expect(stored()).rejects.toThrow("cannot be used");
    const fresh = await aServer();
    expect((await enroll(fresh.line, { replace: true })).refused).toBeUndefined();
    expect((await stored())?.agent).toBe("laser-1");
  });
});
