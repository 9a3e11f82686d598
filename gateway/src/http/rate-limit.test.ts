import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, test } from "vitest";
import { checkConfig } from "../config.js";
import { createSiteCa } from "../enrolment/site-ca.js";
import { openParts } from "../parts.js";
import { openLocalChannel } from "../store/store-channel.js";
import { ENROL_PER_MINUTE, buildServer } from "./server.js";

test("the routes without a token answer one address so often a minute, and others go on", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "badgekey-limit-"));
  const log = pino({ level: "silent" });
  const broker = { port: 0, advertise: { host: "127.0.0.1", port: 0 } };
  const parts = await openParts({
    config: checkConfig({ dataDir, siteName: "Test site", timeZone: "UTC", http: { port: 0 }, broker }),
    ca: await createSiteCa({ name: "test", now: Date.now() }),
    openChannel: () => Promise.resolve(openLocalChannel(":memory:")),
    clock: () => Date.now(),
    nowMs: () => 0,
    log,
    version: "test",
    send: () => undefined,
    disconnect: () => undefined,
    brokerAddress: () => ({ host: "127.0.0.1", port: 1 }),
    inviteUrl: () => "http://127.0.0.1:1",
    serverCertificateEndsAt: () => 0,
  });
  const server = await buildServer({ api: parts.api, token: "x".repeat(43), log, hostNames: ["gateway.example"] });
  const ask = (remoteAddress: string) =>
    server.inject({
      method: "POST",
      url: "/api/v1/enrol",
      payload: {},
      remoteAddress,
      headers: { host: "gateway.example" },
    });
  for (let i = 0; i < ENROL_PER_MINUTE; i++) expect((await ask("192.0.2.1")).statusCode).toBe(400);
  const limited = await ask("192.0.2.1");
  expect(limited.statusCode).toBe(429);
  expect(limited.json()).toMatchObject({ code: "TOO_MANY_REQUESTS", status: 429 });
  expect((await ask("192.0.2.2")).statusCode).toBe(400);
  await server.close();
  await parts.publisher.idle();
  await parts.database.close();
  rmSync(dataDir, { recursive: true });
});
