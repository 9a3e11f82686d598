import { siteStateView, statusView, toHex } from "@badgekey/shared";
import type { GatewayApi } from "../gateway-api.js";
import type { TypedRoutes } from "../server.js";
import { agentView, isoTime } from "../views.js";

const MOST_ALARMS = 50;

export function siteRoutes(routes: TypedRoutes, api: GatewayApi): void {
  routes.get("/status", { schema: { response: { 200: statusView } } }, async () => {
    const { store } = api.people;
    const [people, badges, machines, records, findings] = await Promise.all([
      store.countPeople(),
      api.issuing.store.countBadges(),
      api.machines.store.machines(),
      api.log.countRows(),
      api.findings.findings(MOST_ALARMS),
    ]);
    const agents = api.agents.all();
    const heartbeat = api.publisher.object("heartbeat");
    return {
      site: toHex(api.site.id),
      siteName: api.siteName,
      version: api.version,
      heartbeatVersion: heartbeat?.version ?? 0,
      heartbeatAt: isoTime(heartbeat?.issuedAt ?? 0),
      counts: { people, badges, machines: machines.length, agents: agents.length, records },
      agents: agents.map((agent) => agentView(agent, machines)),
      deadlines: [...api.deadlines()].sort((a, b) => a.at - b.at).map(({ what, at }) => ({ what, at: isoTime(at) })),
      alarms: findings.map(({ at, code, agent, detail }) => ({ at: isoTime(at), code, agent, detail })),
    };
  });

  routes.get("/site-state", { schema: { response: { 200: siteStateView } } }, () => {
    const roots = api.site.roots.map((bytes, index) => ({ name: `root/${index + 1}`, bytes: toHex(bytes) }));
    const rank = (name: string): number => ["heartbeat", "trust", "policy"].indexOf(name) + 1 || 9;
    const objects = [...api.publisher.objects()]
      .sort((a, b) => rank(a.name) - rank(b.name))
      .map(({ name, bytes }) => ({ name, bytes: toHex(bytes) }));
    return { objects: [...roots, ...objects] };
  });
}
