import { enrolInput, enrolView, healthView, toHex } from "@badgekey/shared";
import { enrolAgent } from "../../enrolment/enrol.js";
import type { GatewayApi } from "../gateway-api.js";
import type { TypedRoutes } from "../server.js";

/** Whether the gateway is there, for monitors; without a token. */
export function healthRoute(routes: TypedRoutes, api: GatewayApi): void {
  routes.get("/health", { schema: { response: { 200: healthView } } }, () => ({
    ok: true as const,
    version: api.version,
    site: toHex(api.site.id),
  }));
}

/** What an agent to be asks without a token: an invite's secret stands for it, the CA's certificate is public. */
export function enrolRoutes(routes: TypedRoutes, api: GatewayApi): void {
  routes.get("/enrol/ca", async (_request, reply) =>
    reply.type("application/x-pem-file").send(api.enrolment.ca.certPem),
  );
  routes.post("/enrol", { schema: { body: enrolInput, response: { 200: enrolView } } }, async ({ body }) => {
    const { certificate } = await enrolAgent(body, api.enrolment);
    await api.enrolled(body.agent);
    const machines = await api.machines.store.machines();
    return {
      certificate,
      ca: api.enrolment.ca.certPem,
      roots: api.site.roots.map(toHex),
      broker: api.broker(),
      machines: machines.filter(({ agent }) => agent === body.agent).map(({ id }) => id),
    };
  });
}
