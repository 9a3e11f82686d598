import "reflect-metadata";
import { Pkcs10CertificateRequest } from "@peculiar/x509";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { expect, test } from "vitest";
import { createAgentRequest } from "./certificate-request.js";

test("an agent's request names it and is signed by the key that stays", async () => {
  const { keyPem, requestPem } = await createAgentRequest({ agent: "laser-1" });
  const request = new Pkcs10CertificateRequest(requestPem);
  expect(request.subject).toBe("CN=laser-1");
  expect(await request.verify()).toBe(true);
  const key = createPrivateKey(keyPem);
  expect(key.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  expect(Buffer.from(request.publicKey.rawData)).toEqual(spki);
});

test("every request has its own key", async () => {
  const [one, other] = await Promise.all(["laser-1", "laser-1"].map((agent) => createAgentRequest({ agent })));
  expect(one?.keyPem).not.toBe(other?.keyPem);
});

test("a name that is no agent id is refused", async () => {
  await expect(createAgentRequest({ agent: "Laser 1" })).rejects.toThrow("agent must be an agent id");
});
