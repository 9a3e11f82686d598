import {
  personInput,
  personView,
  trainingInput,
  trainingRecordInput,
  trainingRecordView,
  trainingView,
} from "@badgekey/shared";
import { z } from "zod";
import { addPerson, addTrainingRecord, requirePerson } from "../../people/people.js";
import { addTraining } from "../../people/trainings.js";
import type { GatewayApi } from "../gateway-api.js";
import type { TypedRoutes } from "../server.js";
import { personView as toPersonView, recordView } from "../views.js";

const byId = z.object({ id: z.string().max(64) });

export function peopleRoutes(routes: TypedRoutes, api: GatewayApi): void {
  const { store } = api.people;

  routes.get("/trainings", { schema: { response: { 200: z.array(trainingView) } } }, async () => [
    ...(await store.trainings()),
  ]);
  routes.post(
    "/trainings",
    { schema: { body: trainingInput, response: { 201: trainingView } } },
    async ({ body }, reply) => reply.code(201).send(await addTraining(body, api.trainings)),
  );

  const search = z.object({ search: z.string().max(128).default("") });
  routes.get(
    "/people",
    { schema: { querystring: search, response: { 200: z.array(personView) } } },
    async ({ query }) => (await store.people(query.search)).map(toPersonView),
  );
  routes.get("/people/:id", { schema: { params: byId, response: { 200: personView } } }, async ({ params }) =>
    toPersonView(await requirePerson(params.id, store)),
  );
  routes.post("/people", { schema: { body: personInput, response: { 201: personView } } }, async ({ body }, reply) =>
    reply.code(201).send(toPersonView(await addPerson(body, api.people))),
  );

  const ofPerson = z.object({ person: z.string().max(64).optional() });
  routes.get(
    "/training-records",
    { schema: { querystring: ofPerson, response: { 200: z.array(trainingRecordView) } } },
    async ({ query }) => {
      const trainings = await store.trainings();
      return (await store.records(query.person)).map((record) => recordView(record, trainings));
    },
  );
  routes.post(
    "/training-records",
    { schema: { body: trainingRecordInput, response: { 201: trainingRecordView } } },
    async ({ body }, reply) => {
      const record = await addTrainingRecord(body, api.people);
      return reply.code(201).send(recordView(record, await store.trainings()));
    },
  );
}
