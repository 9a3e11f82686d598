import { agentTopic, agentTopics, gatewayTopics, parseTopic, siteTopic } from "@badgekey/shared";

/** Who acts at the broker: an agent known by its certificate, or the gateway itself, in this process. */
export type Actor = { readonly kind: "agent"; readonly agent: string } | { readonly kind: "gateway" };

export type BrokerAction = "publish" | "subscribe" | "deliver" | "will";

/**
 * `quarantine`: do not forward, count, but acknowledge. A publish of an agent is never denied outright: MQTT 3.1.1
 * cannot refuse one publish, only the connection, and the client would send the same packet again for ever.
 */
export type Permission = "allow" | "quarantine" | "deny";

export interface BrokerRequest {
  /** SHA-256 of root version 1. */
  readonly site: Uint8Array;
  readonly actor: Actor;
  readonly action: BrokerAction;
  /** A topic; a topic filter where the action is `subscribe`. */
  readonly topic: string;
  /** Only of a publish: the retain flag. */
  readonly retain?: boolean;
}

/**
 * Decides what an actor may do at the broker, by the topics of SPEC 7. Pure: the one rule for publish, subscribe and
 * delivery.
 */
export function authorize(request: BrokerRequest): Permission {
  // No wills: what a dead connection says is not evidence, and it would be said after the identity is gone.
  if (request.action === "will") return "deny";
  return request.actor.kind === "agent" ? authorizeAgent(request, request.actor.agent) : authorizeGateway(request);
}

function authorizeAgent({ site, action, topic, retain }: BrokerRequest, agent: string): Permission {
  switch (action) {
    case "publish":
      // A retained message would stay behind for whoever subscribes next; only the gateway leaves things behind.
      return !retain && isAgentTopic(site, topic, agent) ? "allow" : "quarantine";
    case "subscribe":
      return matchesOnlyReadable(site, topic, agent) ? "allow" : "deny";
    case "deliver":
      return isObjectTopic(site, topic) || isGatewayTopic(site, topic, agent) ? "allow" : "deny";
    case "will":
      return "deny";
  }
}

function authorizeGateway({ site, action, topic }: BrokerRequest): Permission {
  switch (action) {
    case "publish":
      return isObjectTopic(site, topic) || isGatewayTopic(site, topic) ? "allow" : "deny";
    case "subscribe":
      return topic.startsWith(`${siteTopic(site)}/`) && isFilter(topic) ? "allow" : "deny";
    case "deliver":
      return isAgentTopic(site, topic) ? "allow" : "deny";
    case "will":
      return "deny";
  }
}

/** A topic on which `agent` (any agent, where none is named) sends. */
function isAgentTopic(site: Uint8Array, topic: string, agent?: string): boolean {
  const parsed = parseTopic(site, topic);
  if (parsed?.kind !== "agent" || (agent !== undefined && parsed.agent !== agent)) return false;
  return agentTopics.some((name) => name === parsed.name);
}

/** A topic on which `agent` (any agent, where none is named) receives. */
function isGatewayTopic(site: Uint8Array, topic: string, agent?: string): boolean {
  const parsed = parseTopic(site, topic);
  if (parsed?.kind !== "agent" || (agent !== undefined && parsed.agent !== agent)) return false;
  return gatewayTopics.some((name) => name === parsed.name);
}

function isObjectTopic(site: Uint8Array, topic: string): boolean {
  const parsed = parseTopic(site, topic);
  return parsed?.kind === "object" && parsed.name.length > 0 && !/[+#\0]/.test(parsed.name);
}

/**
 * Whether everything of ours that `filter` can match may be delivered to `agent`: below the site's objects any filter,
 * of the agent's own topics only the three exact ones (`agent/<id>/+` would also match what the agent itself sends).
 */
function matchesOnlyReadable(site: Uint8Array, filter: string, agent: string): boolean {
  if (gatewayTopics.some((name) => filter === agentTopic(site, agent, name))) return true;
  const objects = `${siteTopic(site)}/site/`;
  return filter.startsWith(objects) && isFilter(filter.slice(objects.length));
}

/** MQTT 3.1.1, 4.7.1: `+` fills a level, `#` fills the last one. */
function isFilter(filter: string): boolean {
  if (filter.length === 0 || filter.includes("\0")) return false;
  return filter.split("/").every((level, index, levels) => {
    if (level === "#") return index === levels.length - 1;
    return level === "+" || !/[+#]/.test(level);
  });
}
