import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { startGateway } from "../bench.js";
import { SimulatedMachine, issueCard } from "./simulated-machine.js";

/** Every file under a folder, as bytes. */
function filesUnder(folder: string): readonly { readonly file: string; readonly bytes: Buffer }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => ({ file, bytes: readFileSync(file) }));
}

test("R22: after a use, nothing on the agent's disk names its user, and no issuer key lies there", async () => {
  await using gateway = await startGateway();
  await gateway.call("POST", "/api/v1/trainings", { slug: "laser", name: "Laser cutter" });
  const person = { name: "Zebulon Quillfeather", email: "zq-secret@example.edu" };
  const { id } = (await gateway.call("POST", "/api/v1/people", person)) as { id: string };
  await using laser = await SimulatedMachine.start(gateway, "laser-1", {
    requires: [{ training: "laser", level: 2 }],
  });
  const { card } = await issueCard(gateway, id, [{ training: "laser" }]);
  expect(await laser.tap(card)).toBe("ACCEPTED");
  await laser.restsBeyondBounce();
  await laser.tap(card);
  await laser.until(({ relay }) => relay === "open");

  const kept = filesUnder(path.join(gateway.dir, "laser-1"));
  expect(kept.length).toBeGreaterThan(3);
  const secrets = filesUnder(path.join(gateway.dir, "data", "keys")).flatMap(({ bytes }) => {
    const [hex] = /[0-9a-f]{64}/.exec(bytes.toString()) ?? [];
    return hex === undefined ? [] : [Buffer.from(hex), Buffer.from(hex, "hex")];
  });
  expect(secrets.length).toBeGreaterThanOrEqual(14);
  const told = ["Zebulon", "Quillfeather", "zq-secret", "example.edu", id].map((text) => Buffer.from(text));
  for (const { file, bytes } of kept) {
    for (const secret of [...told, ...secrets]) {
      expect(bytes.includes(secret), `${path.basename(file)} holds what it must not`).toBe(false);
    }
  }
}, 60_000);
