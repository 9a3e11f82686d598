import { expect, test } from "vitest";
import { machinePolicySchema } from "./machine-policy.js";
import { policySettings } from "./policy-settings.js";

test("every setting has its default, its values and a sentence", () => {
  const settings = policySettings();
  for (const { path, values, what } of settings) {
    expect(values, path).not.toContain("undefined");
    expect(what, path).not.toBe("");
  }
  expect(settings.find(({ path }) => path === "session.maxSeconds")).toEqual({
    path: "session.maxSeconds",
    default: 14_400,
    values: "0 to 604800",
    what: "the longest use; 0: no limit",
  });
  expect(settings.find(({ path }) => path === "mode")).toMatchObject({
    default: { kind: "enforce" },
    values: "enforce | warnOnly | unrestrictedUntil",
  });
});

test("the defaults together are the policy of a machine of which nothing is said", () => {
  const policy: Record<string, unknown> = { name: "Saw" };
  for (const setting of policySettings()) {
    if (setting.default === undefined) continue;
    const names = setting.path.split(".");
    const last = names.pop() as string;
    let at = policy;
    for (const name of names) at = (at[name] ??= {}) as Record<string, unknown>;
    at[last] = setting.default;
  }
  expect(machinePolicySchema.parse(policy)).toEqual(machinePolicySchema.parse({ name: "Saw" }));
});

test("a preset begins with its own", () => {
  const of = (path: string) => policySettings("saw").find((setting) => setting.path === path)?.default;
  expect([of("presence"), of("handover"), of("runOn.seconds")]).toEqual(["hold", "refuse", undefined]);
  expect(policySettings("laser").find(({ path }) => path === "runOn.seconds")?.default).toBe(120);
});
