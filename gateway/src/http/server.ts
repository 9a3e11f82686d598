import rateLimit from "@fastify/rate-limit";
import type { Logger } from "pino";
import fastify, { type FastifyInstance, LogController } from "fastify";
import { type ZodTypeProvider, serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import { isToken } from "../keys/admin-token.js";
import type { GatewayApi } from "./gateway-api.js";
import { problem, problemOf } from "./problem.js";
import { agentRoutes } from "./routes/agents.js";
import { badgeRoutes } from "./routes/badges.js";
import { enrolRoutes, healthRoute } from "./routes/enrol.js";
import { logRoutes } from "./routes/log.js";
import { machineRoutes } from "./routes/machines.js";
import { peopleRoutes } from "./routes/people.js";
import { siteRoutes } from "./routes/site.js";

export type TypedRoutes = ReturnType<typeof typed>;

/** The instance with bodies and queries typed by their zod schemas. */
export function typed(app: FastifyInstance) {
  return app.withTypeProvider<ZodTypeProvider>();
}

export interface ServerOptions {
  readonly api: GatewayApi;
  /** The operator's bearer token. */
  readonly token: string;
  readonly log: Logger;
  /** Host names under which this listener is meant to be reached; a request for another is refused (DNS rebinding). */
  readonly hostNames: readonly string[];
  /** HTTPS with this key and certificate; plain HTTP without, for this computer only. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

const BODY_BYTES = 64 * 1024;
/** Requests a minute from one address to the routes without a token. */
export const ENROL_PER_MINUTE = 30;

/** The HTTP API of one listener (SPEC 8); not listening yet. */
export async function buildServer({ api, token, log, hostNames, tls }: ServerOptions): Promise<FastifyInstance> {
  const app = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES,
    requestTimeout: 30_000,
    // A client that keeps its connection must not hold up the end of the program.
    forceCloseConnections: true,
    ...(tls && { https: { ...tls, minVersion: "TLSv1.2" as const } }),
  } as Parameters<typeof fastify>[0]) as unknown as FastifyInstance;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(async (error: Error, request, reply) => {
    const answer = problemOf(error);
    if (answer.status >= 500) request.log.error({ err: error, url: request.url }, "a request failed");
    return reply.code(answer.status).type("application/problem+json").send(JSON.stringify(answer));
  });
  app.setNotFoundHandler(async (request, reply) => {
    const answer = problem("NOT_FOUND", `there is no ${request.method} ${request.url.split("?")[0] ?? ""}`, {
      hint: "the API begins at /api/v1",
    });
    return reply.code(404).type("application/problem+json").send(JSON.stringify(answer));
  });
  app.addHook("onRequest", async (request, reply) => {
    reply.header("cache-control", "no-store").header("x-content-type-options", "nosniff");
    if (hostNames.includes(hostOf(request.headers.host))) return;
    const answer = problem("REQUEST_INVALID", "this address is not one of the gateway's own", {
      hint: `use one of: ${hostNames.join(", ")}`,
      status: 421,
    });
    return reply.code(421).type("application/problem+json").send(JSON.stringify(answer));
  });
  await app.register(
    (open, _options, done) => {
      healthRoute(typed(open), api);
      done();
    },
    { prefix: "/api/v1" },
  );
  await app.register(
    async (open) => {
      await open.register(rateLimit, {
        max: ENROL_PER_MINUTE,
        timeWindow: 60_000,
        // Whoever is on this computer can do worse, and a whole demo site enrols at once.
        allowList: ["127.0.0.1", "::1"],
      });
      enrolRoutes(typed(open), api);
    },
    { prefix: "/api/v1" },
  );
  await app.register(
    (closed, _options, done) => {
      closed.addHook("onRequest", async (request, reply) => {
        const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
        if (given !== undefined && isToken(given, token)) return;
        const answer = problem("UNAUTHORISED", "no valid token came with the request", {
          hint: "send the token of the gateway's admin-token file as Authorization: Bearer …",
        });
        return reply
          .code(401)
          .header("www-authenticate", "Bearer")
          .type("application/problem+json")
          .send(JSON.stringify(answer));
      });
      const routes = typed(closed);
      siteRoutes(routes, api);
      peopleRoutes(routes, api);
      machineRoutes(routes, api);
      badgeRoutes(routes, api);
      agentRoutes(routes, api);
      logRoutes(routes, api);
      done();
    },
    { prefix: "/api/v1" },
  );
  return app;
}

/** "127.0.0.1:8080" → "127.0.0.1", "[::1]:80" → "::1". */
function hostOf(header: string | undefined): string {
  const found = /^(?:\[([0-9a-fA-F:]+)\]|([^:]*))(?::\d+)?$/.exec(header ?? "");
  return (found?.[1] ?? found?.[2] ?? "").toLowerCase();
}
