import { agentView, identifyInput, inviteInput, inviteView, jobView, readCardInput } from "@badgekey/shared";
import { z } from "zod";
import { inviteAgent } from "../../enrolment/enrol.js";
import { RefusedError } from "../../refused.js";
import type { GatewayApi } from "../gateway-api.js";
import type { TypedRoutes } from "../server.js";
import { agentView as view, isoTime, jobView as toJobView } from "../views.js";

const byId = z.object({ id: z.string().max(64) });

export function agentRoutes(routes: TypedRoutes, api: GatewayApi): void {
  routes.get("/agents", { schema: { response: { 200: z.array(agentView) } } }, async () => {
    const machines = await api.machines.store.machines();
    return api.agents.all().map((agent) => view(agent, machines));
  });
  routes.post(
    "/agents/invite",
    { schema: { body: inviteInput, response: { 201: inviteView } } },
    async ({ body }, reply) => {
      const { line, expiresAt } = await inviteAgent(body.agent, body.minutes, api.enrolment);
      await api.agents.reload();
      return reply.code(201).send({ agent: body.agent, line, expiresAt: isoTime(expiresAt) });
    },
  );
  routes.post(
    "/agents/:id/read-card",
    { schema: { params: byId, body: readCardInput, response: { 202: jobView } } },
    async ({ params, body }, reply) => {
      requireAgent(params.id);
      return reply.code(202).send(toJobView(await api.jobs.readCard(params.id, body.seconds)));
    },
  );
  routes.post(
    "/agents/:id/identify",
    { schema: { params: byId, body: identifyInput, response: { 202: z.object({ command: z.int() }) } } },
    async ({ params, body: { seconds } }, reply) => {
      requireAgent(params.id);
      return reply.code(202).send({ command: await api.command(params.id, { kind: "identify", seconds }) });
    },
  );
  routes.get("/jobs/:id", { schema: { params: byId, response: { 200: jobView } } }, async ({ params }) =>
    toJobView(await api.jobs.job(params.id)),
  );

  function requireAgent(id: string): void {
    if (api.agents.find(id)) return;
    throw new RefusedError("NOT_FOUND", `there is no controller ${id}`, { hint: "list agents to find the id" });
  }
}
