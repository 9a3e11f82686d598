import { toHex } from "./cbor/value.js";

/** Agent and machine ids: 1 to 32 of a-z, 0-9 and inner hyphens; safe in topics, file names and certificates. */
export const AGENT_ID = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/;

/** What an agent sends (SPEC 7). */
export const agentTopics = ["usage", "report", "time-query"] as const;
/** What an agent receives on its own topics. */
export const gatewayTopics = ["time-answer", "command", "acknowledgement"] as const;
export type AgentTopic = (typeof agentTopics)[number];
export type GatewayTopic = (typeof gatewayTopics)[number];

/** `badgekey/1/<first 8 bytes of site, hex>`: one broker may carry several sites. */
export function siteTopic(site: Uint8Array): string {
  return `badgekey/1/${toHex(site.subarray(0, 8))}`;
}

/** Retained site-state objects: `name` is an object name of SPEC 4.1 such as "trust" or "status/0a1b2c3d". */
export function objectTopic(site: Uint8Array, name: string): string {
  return `${siteTopic(site)}/site/${name}`;
}

export function agentTopic(site: Uint8Array, agent: string, name: AgentTopic | GatewayTopic): string {
  return `${siteTopic(site)}/agent/${agent}/${name}`;
}

/** A topic taken apart; undefined where it is none of ours for this site. */
export type ParsedTopic =
  | { readonly kind: "object"; readonly name: string }
  | { readonly kind: "agent"; readonly agent: string; readonly name: AgentTopic | GatewayTopic };

export function parseTopic(site: Uint8Array, topic: string): ParsedTopic | undefined {
  const prefix = `${siteTopic(site)}/`;
  if (!topic.startsWith(prefix)) return undefined;
  const rest = topic.slice(prefix.length);
  if (rest.startsWith("site/")) return { kind: "object", name: rest.slice(5) };
  const [root, agent, name, ...more] = rest.split("/");
  if (root !== "agent" || more.length > 0 || !agent || !AGENT_ID.test(agent)) return undefined;
  const known = [...agentTopics, ...gatewayTopics].find((topicName) => topicName === name);
  return known ? { kind: "agent", agent, name: known } : undefined;
}
