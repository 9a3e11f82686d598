import type { PeerCertificate } from "node:tls";
import { describe, expect, test } from "vitest";
import { admitAgent } from "./admission.js";

const certificate = (commonName?: unknown) =>
  ({ subject: { CN: commonName }, serialNumber: "4A01", valid_to: "Jan  1 00:00:00 2027 GMT" }) as PeerCertificate;
const connect = { clientId: "laser", hasWill: false };
const never = () => false;

describe("admitAgent", () => {
  test("admits the agent that its certificate names", () => {
    expect(admitAgent(certificate("laser"), connect, never)).toEqual({
      kind: "admitted",
      agent: "laser",
      serial: "4A01",
      certificateExpiresAt: Date.UTC(2027, 0, 1),
    });
  });

  test.each([
    ["no certificate any more", null, 5, "the certificate's common name is not one agent id"],
    ["an empty certificate", {} as PeerCertificate, 5, "the certificate's common name is not one agent id"],
    ["no common name", certificate(), 5, "the certificate's common name is not one agent id"],
    ["two common names", certificate(["laser", "laser"]), 5, "the certificate's common name is not one agent id"],
    ["the gateway's own", certificate("badgekey gateway"), 5, "the certificate's common name is not one agent id"],
    ["another agent's", certificate("lathe"), 2, "client id is not that of the certificate, agent lathe"],
  ])("refuses %s", (_title, peer, connack, reason) => {
    expect(admitAgent(peer, connect, never)).toEqual({ kind: "refused", connack, reason });
  });

  test("refuses an empty client id, a will, and a revoked certificate", () => {
    expect(admitAgent(certificate("laser"), { ...connect, clientId: "" }, never)).toMatchObject({ connack: 2 });
    expect(admitAgent(certificate("laser"), { ...connect, hasWill: true }, never)).toMatchObject({ connack: 5 });
    const revoked = (agent: string, serial: string) => agent === "laser" && serial === "4A01";
    expect(admitAgent(certificate("laser"), connect, revoked)).toEqual({
      kind: "refused",
      connack: 5,
      reason: "the certificate 4A01 of agent laser is revoked",
    });
  });
});
