import {
  badgeInput,
  badgeStates,
  badgeView,
  jobView,
  reasonInput,
  receiptsView,
  revokeView,
  writeInput,
} from "@badgekey/shared";
import { z } from "zod";
import { changeBadge } from "../../issuing/change-badge.js";
import { issueBadge, requireBadge, requireWritable } from "../../issuing/issue-badge.js";
import type { Badge } from "../../issuing/ports.js";
import { grantsOf } from "../../people/grants.js";
import { type GatewayApi, OPERATOR } from "../gateway-api.js";
import type { TypedRoutes } from "../server.js";
import { badgeView as view, jobView as toJobView, receiptsView as toReceiptsView } from "../views.js";

const byId = z.object({ id: z.string().max(64) });

export function badgeRoutes(routes: TypedRoutes, api: GatewayApi): void {
  const { store } = api.issuing;

  routes.post("/badges", { schema: { body: badgeInput, response: { 201: badgeView } } }, async ({ body }, reply) => {
    const grants = await grantsOf(body.person, body.grants, api.people);
    const { person, cardUid, unbound, expiresAt } = body;
    const badge = await issueBadge(
      {
        person,
        grants,
        unbound,
        ...(cardUid !== undefined && { cardUid }),
        ...(expiresAt !== undefined && { expiresAt: Date.parse(expiresAt) }),
      },
      api.issuing,
    );
    return reply.code(201).send(await announced(badge));
  });

  const filter = z.object({ person: z.string().max(64).optional(), state: z.enum(badgeStates).optional() });
  routes.get(
    "/badges",
    { schema: { querystring: filter, response: { 200: z.array(badgeView) } } },
    async ({ query: { person, state } }) => {
      const badges = await store.badges(person === undefined ? {} : { person });
      const [names, trainings] = [await api.people.store.names(), await api.people.store.trainings()];
      const views = badges.map((badge) => view(badge, names.get(badge.person) ?? "", trainings, api.clock()));
      return views.filter((badge) => state === undefined || badge.state === state);
    },
  );
  routes.get("/badges/:id", { schema: { params: byId, response: { 200: badgeView } } }, async ({ params }) =>
    viewOf(await requireBadge(params.id, store)),
  );

  for (const action of ["revoke", "suspend", "reinstate"] as const) {
    routes.post(
      `/badges/:id/${action}`,
      { schema: { params: byId, body: reasonInput, response: { 200: revokeView } } },
      async ({ params, body: { reason } }) => {
        const { badge, statusVersion } = await changeBadge(
          params.id,
          action,
          { reason, operator: OPERATOR },
          api.changes,
        );
        const receipts = toReceiptsView(badge, api.agents, statusVersion);
        return { badge: await announced(badge), statusVersion, receipts };
      },
    );
  }
  routes.get(
    "/badges/:id/receipts",
    { schema: { params: byId, response: { 200: receiptsView } } },
    async ({ params }) => {
      const badge = await requireBadge(params.id, store);
      return toReceiptsView(badge, api.agents, badge.statusVersion ?? 1);
    },
  );
  routes.post(
    "/badges/:id/write",
    { schema: { params: byId, body: writeInput, response: { 202: jobView } } },
    async ({ params, body: { agent, seconds, cardUid } }, reply) => {
      const badge = await requireWritable(params.id, api.issuing);
      const job = await api.jobs.writeCard(badge.id, { agent, seconds, ...(cardUid !== undefined && { cardUid }) });
      return reply.code(202).send(toJobView(job));
    },
  );

  async function announced(badge: Badge) {
    const shown = await viewOf(badge);
    api.events.announce({ kind: "badge", badge: shown });
    return shown;
  }

  async function viewOf(badge: Badge) {
    const person = await api.people.store.person(badge.person);
    return view(badge, person?.name ?? "", await api.people.store.trainings(), api.clock());
  }
}
