import { describe, expect, test } from "vitest";
import { TEST_EPOCH, testSite } from "../testing/test-site.js";
import { type CommandAction, openCommand, signCommand } from "./command.js";

const { site, root, keys } = testSite();

function opened(action: CommandAction) {
  const order = { number: 1, issuedAt: TEST_EPOCH, expiresAt: TEST_EPOCH + 60_000, agent: "laser-1", action };
  return openCommand(signCommand(order, site, keys.command), root, site, "laser-1");
}

describe("a command", () => {
  test.each([
    ["the longest author", { kind: "end", machine: "laser-1", by: "b".repeat(64) }, true],
    ["an author that no usage record can carry", { kind: "end", machine: "laser-1", by: "b".repeat(65) }, false],
    ["the longest job", { kind: "readCard", job: "j".repeat(64), seconds: 5 }, true],
    ["a job that no usage record can carry", { kind: "readCard", job: "j".repeat(65), seconds: 5 }, false],
    [
      "the shortest UID",
      { kind: "writeCard", job: "j", badge: new Uint8Array(1), uid: new Uint8Array(4), seconds: 5 },
      true,
    ],
    [
      "the longest UID",
      { kind: "writeCard", job: "j", badge: new Uint8Array(1), uid: new Uint8Array(10), seconds: 5 },
      true,
    ],
    [
      "no UID at all",
      { kind: "writeCard", job: "j", badge: new Uint8Array(1), uid: new Uint8Array(0), seconds: 5 },
      false,
    ],
    [
      "more than a UID",
      { kind: "writeCard", job: "j", badge: new Uint8Array(1), uid: new Uint8Array(11), seconds: 5 },
      false,
    ],
  ] as const)("of %s", (_what, action, ok) => {
    expect(opened(action)).toMatchObject(ok ? { ok } : { ok, code: "OBJECT_MALFORMED" });
  });
});
