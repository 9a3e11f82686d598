import { type LiveEvent, logPage, logQuery, logVerifyView } from "@badgekey/shared";
import type { FastifyReply } from "fastify";
import { Readable } from "node:stream";
import { z } from "zod";
import { RefusedError } from "../../refused.js";
import { type LogEntry, type LogFilter, eachLogEntry, readLog } from "../../usage/log.js";
import { verifyLog } from "../../usage/verify-log.js";
import { csvHead, csvRow } from "../csv.js";
import type { GatewayApi } from "../gateway-api.js";
import type { TypedRoutes } from "../server.js";

const exportQuery = logQuery
  .omit({ after: true, limit: true })
  .extend({ format: z.enum(["csv", "json"]).default("csv") });
/** Keeps connections alive through proxies and tells a dead one. */
const COMMENT_MS = 15_000;
/** A listener that reads slower than things happen is cut off, and may come again. */
const MOST_UNREAD_BYTES = 1024 * 1024;

export function logRoutes(routes: TypedRoutes, api: GatewayApi): void {
  routes.get("/log", { schema: { querystring: logQuery, response: { 200: logPage } } }, async ({ query }) => {
    const { after, limit } = query;
    if (after !== undefined && !/^[0-9]{1,15}$/.test(after)) {
      throw new RefusedError("REQUEST_INVALID", "after: not a cursor of this log", {
        hint: "use `next` of the page before",
      });
    }
    const page = await readLog(
      filterOf(query),
      { limit, ...(after !== undefined && { after: Number(after) }) },
      api.log,
    );
    return { rows: page.rows, next: page.next };
  });

  routes.get("/log/export", { schema: { querystring: exportQuery } }, async ({ query }, reply) => {
    const entries = eachLogEntry(filterOf(query), api.log);
    const name = `usage-log.${query.format}`;
    reply.header("content-disposition", `attachment; filename="${name}"`);
    return query.format === "csv"
      ? reply.type("text/csv; charset=utf-8").send(Readable.from(csvText(entries)))
      : reply.type("application/json; charset=utf-8").send(Readable.from(jsonText(entries)));
  });

  routes.get("/log/verify", { schema: { response: { 200: logVerifyView } } }, async () => {
    const signed = api.agents.all().flatMap(({ id, opened }) => {
      return opened ? [{ agent: id, ...opened.journal }] : [];
    });
    const { rows, agents, problems } = await verifyLog(api.log, api.site.id, signed);
    return { rows, agents, problems: [...problems] };
  });

  routes.get("/events", (_request, reply) => {
    reply.hijack();
    streamEvents(reply, api);
  });
}

function filterOf(query: Omit<z.output<typeof logQuery>, "after" | "limit">): LogFilter {
  const { machine, agent, person, kind, code, since, until } = query;
  return {
    ...(machine !== undefined && { machine }),
    ...(agent !== undefined && { agent }),
    ...(person !== undefined && { person }),
    ...(kind !== undefined && { kind }),
    ...(code !== undefined && { code }),
    ...(since !== undefined && { since: Date.parse(since) }),
    ...(until !== undefined && { until: Date.parse(until) }),
  };
}

async function* csvText(entries: AsyncGenerator<LogEntry>): AsyncGenerator<string> {
  yield csvHead;
  for await (const entry of entries) yield csvRow(entry);
}

async function* jsonText(entries: AsyncGenerator<LogEntry>): AsyncGenerator<string> {
  let before = "[";
  for await (const entry of entries) {
    yield `${before}${JSON.stringify(entry)}`;
    before = ",\n";
  }
  yield before === "[" ? "[]\n" : "]\n";
}

/** Server-sent events: what happens from now on. Ends with the connection, or when its reader falls behind. */
function streamEvents({ raw }: FastifyReply, { events }: GatewayApi): void {
  raw.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" });
  raw.write(": connected\n\n");
  const stop = events.listen((event: LiveEvent) => {
    raw.write(`event: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`);
    if (raw.writableLength > MOST_UNREAD_BYTES) raw.destroy();
  });
  const comments = setInterval(() => raw.write(": still here\n\n"), COMMENT_MS);
  raw.on("close", () => {
    clearInterval(comments);
    stop();
  });
}
