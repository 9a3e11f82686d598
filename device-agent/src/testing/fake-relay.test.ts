import { expect, test } from "vitest";
import { fakeRelay } from "./fake-relay.js";

test("a permit runs out by the clock, renewals are one closure", async () => {
  let now = 0;
  const relay = fakeRelay(() => now);
  await relay.permit(10_000);
  now = 400;
  await relay.permit(500);
  now = 899;
  expect(relay.position()).toBe("closed");
  now = 900;
  expect(relay.position()).toBe("open");
  await relay.permit(100);
  expect([relay.closures, relay.permits]).toEqual([2, 3]);
  await relay.open();
  expect(relay.position()).toBe("open");
});

test("a welded contact stays closed whatever is asked", async () => {
  const relay = fakeRelay(() => 0);
  relay.weld();
  await relay.open();
  expect(relay.position()).toBe("closed");
  await relay.close();
  expect(relay.position()).toBe("closed");
});

test("a hung holder rejects until a new one has opened", async () => {
  const relay = fakeRelay(() => 0);
  await relay.permit(500);
  relay.hang();
  await expect(relay.permit(500)).rejects.toThrow("did not answer within 250 ms");
  expect(relay.position()).toBe("closed");
  relay.mend();
  expect(relay.position()).toBe("open");
  await relay.permit(500);
  expect(relay.position()).toBe("closed");
});
