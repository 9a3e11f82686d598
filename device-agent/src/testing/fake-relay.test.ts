import { machinePolicySchema } from "@badgekey/shared";
import { expect, test } from "vitest";
import { fakeIndicator } from "./fake-indicator.js";
import { fakeInputs } from "./fake-inputs.js";
import { fakeRelay } from "./fake-relay.js";

const closed = { relay: "closed", runOn: false, stop: false } as const;
const onlyRunOn = { relay: "open", runOn: true, stop: false } as const;

test("a permit runs out by the clock and no renewal closes again by itself, renewals are one closure", async () => {
  let now = 0;
  const relay = fakeRelay(() => now);
  await relay.permit(10_000, closed);
  now = 400;
  await relay.permit(500, closed);
  now = 899;
  expect(relay.position()).toBe("closed");
  now = 900;
  expect(relay.position()).toBe("open");
  await expect(relay.permit(100, closed)).rejects.toThrow("not renewed in time");
  await relay.open();
  await relay.permit(100, closed);
  expect([relay.closures, relay.permits]).toEqual([2, 3]);
  await relay.open();
  expect(relay.position()).toBe("open");
});

test("run-on alone leaves the relay open, and falls inactive with its permit", async () => {
  let now = 0;
  const relay = fakeRelay(() => now);
  await relay.permit(500, onlyRunOn);
  expect([relay.position(), relay.outputs.runOn, relay.closures]).toEqual(["open", true, 0]);
  now = 500;
  expect(relay.outputs).toEqual({ relay: "open", runOn: false, stop: false });
});

test("a welded contact stays closed whatever is asked", async () => {
  const relay = fakeRelay(() => 0);
  relay.weld();
  await relay.open();
  expect([relay.position(), relay.outputs.relay]).toEqual(["closed", "open"]);
  await relay.close();
  expect(relay.position()).toBe("closed");
});

test("a hung holder rejects until a new one has opened", async () => {
  const relay = fakeRelay(() => 0);
  await relay.permit(500, closed);
  relay.hang();
  await expect(relay.permit(500, closed)).rejects.toThrow("did not answer within 250 ms");
  expect(relay.position()).toBe("closed");
  relay.mend();
  expect(relay.position()).toBe("open");
  await relay.permit(500, closed);
  expect(relay.position()).toBe("closed");
});

test("a holder that dies unasked opens and is told of", async () => {
  const relay = fakeRelay(() => 0);
  const faults: string[] = [];
  relay.watch((reason) => faults.push(reason));
  await relay.permit(500, closed);
  relay.die();
  expect([relay.position(), faults]).toEqual(["open", ["the relay holder ended (SIGKILL)"]]);
  await expect(relay.open()).rejects.toThrow("being started anew");
});

test("new wiring is taken open, or refused in words", async () => {
  const relay = fakeRelay(() => 0);
  const { wiring } = machinePolicySchema.parse({ name: "Saw", wiring: { relay: { pin: 17 } } });
  await relay.permit(500, closed);
  await relay.rewire(wiring);
  expect([relay.position(), relay.wirings]).toEqual(["open", [wiring]]);
  relay.refuseWiring("GPIO 17 is used twice");
  await expect(relay.rewire(wiring)).rejects.toThrow("GPIO 17 is used twice");
});

test("contacts stand as given at the start, and are reported when they change", () => {
  const inputs = fakeInputs({ busy: false });
  const reports: unknown[] = [];
  inputs.start((report) => reports.push(report));
  inputs.set("busy", false);
  inputs.press("endButton");
  inputs.lose("busy");
  inputs.set("busy", false);
  expect(reports).toEqual([
    { kind: "changed", input: "busy", active: false },
    { kind: "changed", input: "endButton", active: true },
    { kind: "changed", input: "endButton", active: false },
    { kind: "lost", input: "busy", reason: "it chatters" },
    { kind: "changed", input: "busy", active: false },
  ]);
});

test("an indicator in memory keeps what it was told to show", () => {
  const indicator = fakeIndicator();
  expect(indicator.signal).toBeUndefined();
  indicator.show("ready");
  indicator.show("refused");
  expect([indicator.signal, indicator.signals]).toEqual(["refused", ["ready", "refused"]]);
});
