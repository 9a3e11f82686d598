import { timingSafeEqual } from "node:crypto";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { z } from "zod";
import type { ScreenAction } from "../ports.js";
import type { PageClients } from "./page-clients.js";
import type { PageFiles } from "./page-files.js";

export interface PageServerOptions {
  readonly files: PageFiles;
  readonly clients: PageClients;
  /** The page with its setup filled in. */
  readonly index: string;
  /** New with every start; only the page itself can read it. */
  readonly token: string;
  /** "refused": not offered now. "tooSoon": the same was done a moment ago. */
  readonly onAction: (action: ScreenAction) => "done" | "refused" | "tooSoon";
}

const MOST_BODY = 1_024;
const MOST_CONNECTIONS = 128;
const REQUEST_MS = 5_000;
const statusOf = { done: 202, refused: 409, tooSoon: 429 } as const;

const headers = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), microphone=(), geolocation=()",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
} as const;

const endBody = z.strictObject({ token: z.string().max(64) });
const problemBody = endBody.extend({ reason: z.string().min(1).max(200) });

/**
 * The HTTP server of the machine's own screen, to be bound to loopback: page, style, script, an event stream and two
 * actions that loosen nothing. It answers by no other host's name (DNS rebinding), acts for no other page than its own
 * (Origin and token), and gives nobody longer than some seconds to ask.
 */
export function pageServer(options: PageServerOptions): Server {
  const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, keepAliveTimeout: REQUEST_MS });
  server.maxConnections = MOST_CONNECTIONS;
  server.maxRequestsPerSocket = 1_000;
  server.on("clientError", (_error, socket) => socket.destroy());
  server.on("request", (request, response) => {
    // Whoever goes away in the middle of it is gone, nothing more.
    request.on("error", () => response.destroy());
    response.on("error", () => request.destroy());
    answer(request, response, server, options);
  });
  return server;
}

function answer(request: IncomingMessage, response: ServerResponse, server: Server, options: PageServerOptions): void {
  const { host, "sec-fetch-site": site } = request.headers;
  const path = request.url?.split("?", 1)[0] ?? "/";
  if (!ownHosts(server).includes(host ?? "")) return say(response, 421, "this is a machine's own screen");
  if (site !== undefined && site !== "same-origin" && site !== "none") return say(response, 403, "not from elsewhere");
  switch (request.method) {
    case "HEAD":
    case "GET":
      return get(path, response, options);
    case "POST":
      if (request.headers.origin !== `http://${host ?? ""}`) return say(response, 403, "only the screen's own page");
      return take(path, request, response, options);
    default:
      return say(response, 405, "use GET or POST");
  }
}

function get(path: string, response: ServerResponse, { files, clients, index }: PageServerOptions): void {
  if (path === "/") return send(response, "text/html; charset=utf-8", Buffer.from(index));
  if (path === "/events") {
    response.writeHead(200, { ...headers, "content-type": "text/event-stream" });
    if (response.req.method === "HEAD") response.end();
    else clients.add(response);
    return;
  }
  const file = files.byPath.get(path);
  if (file) return send(response, file.type, file.body);
  // Every browser asks for it.
  if (path === "/favicon.ico") return void response.writeHead(204, headers).end();
  return say(response, 404, "there is no such page");
}

function take(path: string, request: IncomingMessage, response: ServerResponse, options: PageServerOptions): void {
  if (path !== "/end" && path !== "/problem") return say(response, 404, "there is no such action");
  if (request.headers["content-type"] !== "application/json") return say(response, 415, "send JSON");
  const chunks: Buffer[] = [];
  let length = 0;
  request.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length <= MOST_BODY) chunks.push(chunk);
    else request.destroy();
  });
  request.on("end", () => {
    const body = (path === "/end" ? endBody : problemBody).safeParse(parsed(Buffer.concat(chunks)));
    if (!body.success) return say(response, 400, "this is no wish of the screen's page");
    if (!isSame(body.data.token, options.token))
      return say(response, 403, "the page is older than this start: reload it");
    const action: ScreenAction =
      "reason" in body.data && typeof body.data.reason === "string"
        ? { kind: "problemReported", reason: body.data.reason }
        : { kind: "endPressed" };
    const outcome = options.onAction(action);
    return say(response, statusOf[outcome], outcome);
  });
}

/** The names under which a browser of this computer, and no page of another site, comes here. */
function ownHosts(server: Server): readonly string[] {
  const port = portOf(server);
  return [`127.0.0.1:${port}`, `localhost:${port}`];
}

/** The port that a listening server has; 0 where it does not listen. */
export function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8")) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function send(response: ServerResponse, type: string, body: Buffer): void {
  response.writeHead(200, { ...headers, "content-type": type, "content-length": body.length });
  response.end(response.req.method === "HEAD" ? undefined : body);
}

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { ...headers, "content-type": "text/plain; charset=utf-8" });
  response.end(`${text}\n`);
}
