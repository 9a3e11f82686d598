import { agentTopic, agentTopics, gatewayTopics, objectTopic, siteTopic } from "@badgekey/shared";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Actor, authorize, type BrokerAction } from "./authorize.js";

const site = new Uint8Array(32).fill(7);
const elsewhere = new Uint8Array(32).fill(8);
const laser: Actor = { kind: "agent", agent: "laser" };
const gateway: Actor = { kind: "gateway" };
const base = siteTopic(site);

const ask = (actor: Actor, action: BrokerAction, topic: string, retain = false) =>
  authorize({ site, actor, action, topic, retain });

describe("an agent", () => {
  test.each(agentTopics)("publishes to its own %s", (name) => {
    expect(ask(laser, "publish", agentTopic(site, "laser", name))).toBe("allow");
  });

  test.each([
    ["another agent's usage", agentTopic(site, "lathe", "usage")],
    ["its own command", agentTopic(site, "laser", "command")],
    ["a site object", objectTopic(site, "trust")],
    ["its usage at another site", agentTopic(elsewhere, "laser", "usage")],
    ["a deeper topic", `${agentTopic(site, "laser", "usage")}/x`],
    ["$SYS", "$SYS/broker/x"],
    ["the empty topic", ""],
  ])("has a publish to %s quarantined, never denied", (_title, topic) => {
    expect(ask(laser, "publish", topic)).toBe("quarantine");
  });

  test("has a retained publish quarantined, even on its own topic", () => {
    expect(ask(laser, "publish", agentTopic(site, "laser", "report"), true)).toBe("quarantine");
  });

  test.each([
    `${base}/site/#`,
    `${base}/site/trust`,
    `${base}/site/status/+`,
    ...gatewayTopics.map((name) => agentTopic(site, "laser", name)),
  ])("subscribes to %s", (filter) => {
    expect(ask(laser, "subscribe", filter)).toBe("allow");
  });

  test.each([
    "#",
    "+/1/#",
    "$SYS/#",
    "$share/group/badgekey/1/#",
    `${base}/#`,
    `${base}/+/trust`,
    `${base}/site`,
    `${base}/site/`,
    `${base}/site/a#`,
    `${base}/site/#/a`,
    `${base}/agent/laser/+`,
    `${base}/agent/laser/#`,
    `${base}/agent/+/command`,
    agentTopic(site, "lathe", "command"),
    agentTopic(site, "laser", "usage"),
    `${siteTopic(elsewhere)}/site/#`,
  ])("may not subscribe to %s", (filter) => {
    expect(ask(laser, "subscribe", filter)).toBe("deny");
  });

  test.each([objectTopic(site, "trust"), agentTopic(site, "laser", "usage"), "x"])("has no will on %s", (topic) => {
    expect(ask(laser, "will", topic)).toBe("deny");
  });
});

describe("the gateway", () => {
  test("publishes objects and what agents receive, nothing else", () => {
    expect(ask(gateway, "publish", objectTopic(site, "status/0a1b2c3d"), true)).toBe("allow");
    expect(ask(gateway, "publish", agentTopic(site, "laser", "command"))).toBe("allow");
    expect(ask(gateway, "publish", agentTopic(site, "laser", "usage"))).toBe("deny");
    expect(ask(gateway, "publish", objectTopic(site, "#"))).toBe("deny");
    expect(ask(gateway, "publish", objectTopic(elsewhere, "trust"))).toBe("deny");
    expect(ask(gateway, "will", objectTopic(site, "trust"))).toBe("deny");
  });

  test("is delivered what agents send", () => {
    expect(ask(gateway, "subscribe", `${base}/agent/+/usage`)).toBe("allow");
    expect(ask(gateway, "deliver", agentTopic(site, "lathe", "usage"))).toBe("allow");
    expect(ask(gateway, "deliver", agentTopic(site, "lathe", "command"))).toBe("deny");
    expect(ask(gateway, "subscribe", "#")).toBe("deny");
  });
});

describe("whatever the topic or filter", () => {
  const level = fc.oneof(
    fc.constantFrom("badgekey", "1", base.split("/")[2] as string, "site", "agent", "laser", "lathe", "", "$SYS"),
    fc.constantFrom("trust", "status", ...agentTopics, ...gatewayTopics),
    fc.string({ maxLength: 4 }).map((text) => text.replaceAll(/[/+#]/g, "x")),
  );
  // Half of the topics start where ours start: blind ones would hardly ever get near the rules.
  const topic = fc
    .tuple(fc.constantFrom("", `${base}/`, `${base}/agent/`, `${base}/agent/laser/`), fc.array(level, { maxLength: 4 }))
    .map(([start, levels]) => start + levels.join("/"));
  const wild = fc.oneof({ weight: 3, arbitrary: level }, fc.constantFrom("+", "#", "a+", "#b"));
  const filter = fc
    .tuple(fc.constantFrom("", `${base}/`, `${base}/site/`, `${base}/agent/`), fc.array(wild, { maxLength: 5 }))
    .map(([start, levels]) => start + levels.join("/"));

  /** MQTT 3.1.1, 4.7, written again on purpose: the test must not lean on the rule it tests. */
  const matches = (pattern: readonly string[], levels: readonly string[]): boolean => {
    const [head, ...rest] = pattern;
    if (head === undefined) return levels.length === 0;
    if (head === "#") return true;
    const [first, ...others] = levels;
    return first !== undefined && (head === "+" || head === first) && matches(rest, others);
  };
  const ours = [
    ...["trust", "policy", "root/1", "status/0a1b2c3d"].map((name) => objectTopic(site, name)),
    ...["trust", "status/0a1b2c3d"].map((name) => objectTopic(elsewhere, name)),
    ...["laser", "lathe", "laser-2"].flatMap((agent) =>
      [...agentTopics, ...gatewayTopics].map((name) => agentTopic(site, agent, name)),
    ),
  ];
  const readable = (candidate: string) =>
    candidate.startsWith(`${base}/site/`) || gatewayTopics.some((name) => candidate === `${base}/agent/laser/${name}`);

  test("nothing foreign is delivered to an agent", () => {
    fc.assert(
      fc.property(topic, (candidate) => {
        if (ask(laser, "deliver", candidate) === "allow") expect(readable(candidate)).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });

  test("an allowed filter matches nothing of ours that may not be delivered", () => {
    fc.assert(
      fc.property(filter, topic, (pattern, candidate) => {
        if (ask(laser, "subscribe", pattern) !== "allow") return;
        for (const reached of [...ours, candidate].filter((each) => matches(pattern.split("/"), each.split("/")))) {
          if (ours.includes(reached)) expect(ask(laser, "deliver", reached)).toBe("allow");
          else expect(ask(laser, "deliver", reached) === "allow" && !readable(reached)).toBe(false);
        }
      }),
      { numRuns: 5_000 },
    );
  });

  test("a publish of an agent is allowed on its three topics and quarantined elsewhere", () => {
    const own: readonly string[] = agentTopics.map((name) => agentTopic(site, "laser", name));
    fc.assert(
      fc.property(fc.oneof(topic, fc.constantFrom(...ours)), fc.boolean(), (candidate, retain) => {
        const expected = own.includes(candidate) && !retain ? "allow" : "quarantine";
        expect(ask(laser, "publish", candidate, retain)).toBe(expected);
      }),
      { numRuns: 5_000 },
    );
  });
});
