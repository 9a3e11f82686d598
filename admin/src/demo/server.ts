import { readFile } from "node:fs/promises";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { z } from "zod";
import { ApiError } from "../api/index.js";
import type { CardBox } from "./card-box.js";
import { CardJobError } from "./card-job.js";
import { DemoError } from "./data-dir.js";
import { type DemoDesk, openDesk } from "./demo-desk.js";
import type { DemoSite } from "./site.js";

export interface PageOptions {
  readonly site: DemoSite;
  readonly box: CardBox;
  /** Of 127.0.0.1; 0 chooses one. */
  readonly port: number;
  readonly troubles: readonly string[];
}

export interface ServedPage {
  readonly url: string;
  close(): Promise<void>;
}

const id = z.string().min(1).max(64);
const actions = {
  place: z.strictObject({ card: id, machine: id }),
  take: z.strictObject({ machine: id }),
  plug: z.strictObject({ target: id, plugged: z.boolean() }),
  withdraw: z.strictObject({ card: id }),
  "out-of-service": z.strictObject({ machine: id, out: z.boolean() }),
  issue: z.strictObject({
    name: z.string().trim().min(1, "write a name").max(64, "use at most 64 characters"),
    trainings: z.array(id).min(1, "choose at least one training").max(8),
    machine: id,
  }),
};
type ActionName = keyof typeof actions;

const MOST_BODY = 4096;
/** Changes within so long of each other are sent as one. */
const GATHER_MS = 25;
const ALIVE_MS = 20_000;

/** Static files of the page: what the browser may have, and nothing else. */
const files: Readonly<Record<string, { readonly path: string; readonly type: string }>> = {
  "/": { path: "../../page/index.html", type: "text/html; charset=utf-8" },
  "/favicon.svg": { path: "../../page/favicon.svg", type: "image/svg+xml" },
};
const STYLES = /^\/(page|machines|cards|log)\.css$/;
const MODULE = /^\/page\/([a-z-]+\.js)$/;

/** Serves the demo's page on 127.0.0.1: static files, one JSON state, one event stream, and the actions of the desk. */
export async function servePage(options: PageOptions): Promise<ServedPage> {
  const { site, box, troubles } = options;
  const desk = openDesk(site, box, troubles);
  await desk.refresh();
  const streams = new Set<ServerResponse>();
  const stopTelling = tellChanges(site, desk, streams);
  const server = createServer((request, response) => {
    answer(request, response, desk, streams, server).catch((error: unknown) => {
      const { status, body } = problemOf(error);
      if (!response.headersSent) send(response, status, body);
      else response.destroy();
    });
  });
  await listen(server, options.port);
  const alive = setInterval(() => {
    for (const stream of streams) stream.write(":\n\n");
  }, ALIVE_MS);
  return {
    url: `http://127.0.0.1:${portOf(server)}`,
    async close() {
      clearInterval(alive);
      stopTelling();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function tellChanges(site: DemoSite, desk: DemoDesk, streams: Set<ServerResponse>): () => void {
  let timer: NodeJS.Timeout | undefined;
  let badgeChanges = 0;
  const tell = () => {
    timer = undefined;
    const data = `data: ${JSON.stringify(desk.state())}\n\n`;
    for (const stream of streams) stream.write(data);
    if (site.live.badgeChanges === badgeChanges) return;
    badgeChanges = site.live.badgeChanges;
    void desk.refresh();
  };
  const unsubscribe = site.changes.subscribe(() => {
    timer ??= setTimeout(tell, GATHER_MS);
  });
  return () => {
    clearTimeout(timer);
    unsubscribe();
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  desk: DemoDesk,
  streams: Set<ServerResponse>,
  server: Server,
): Promise<void> {
  // A page of another site that points its own name at 127.0.0.1 must not be able to tap and withdraw here.
  const port = portOf(server);
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  if (!hosts.includes(request.headers.host ?? "")) {
    send(response, 421, { detail: `this is the demo at http://127.0.0.1:${port}` });
    return;
  }
  const path = new URL(request.url ?? "/", "http://127.0.0.1").pathname;
  if (request.method === "POST") {
    const { origin } = request.headers;
    const own = origin === undefined || hosts.some((host) => origin === `http://${host}`);
    // JSON alone: a form of another site can send anything but this.
    if (!own || request.headers["content-type"] !== "application/json") {
      send(response, 403, { detail: "only the demo's own page may do this" });
      return;
    }
    await act(path, await readBody(request), desk);
    send(response, 200, { ok: true });
    return;
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    send(response, 405, { detail: "use GET or POST" });
    return;
  }
  if (path === "/api/state") send(response, 200, desk.state());
  else if (path === "/api/events") openStream(response, desk, streams);
  else await sendFile(response, path);
}

function openStream(response: ServerResponse, desk: DemoDesk, streams: Set<ServerResponse>): void {
  response.writeHead(200, { ...headers, "content-type": "text/event-stream" });
  response.write(`data: ${JSON.stringify(desk.state())}\n\n`);
  streams.add(response);
  response.on("close", () => streams.delete(response));
}

async function act(path: string, body: unknown, desk: DemoDesk): Promise<void> {
  const name = path.replace(/^\/api\//, "");
  if (!path.startsWith("/api/") || !Object.hasOwn(actions, name)) throw new NotFoundError("there is no such action");
  switch (name as ActionName) {
    case "place": {
      const { card, machine } = actions.place.parse(body);
      desk.place(card, machine);
      return;
    }
    case "take":
      desk.take(actions.take.parse(body).machine);
      return;
    case "plug": {
      const { target, plugged } = actions.plug.parse(body);
      desk.setPlug(target, plugged);
      return;
    }
    case "withdraw":
      return desk.withdraw(actions.withdraw.parse(body).card);
    case "out-of-service": {
      const { machine, out } = actions["out-of-service"].parse(body);
      return desk.setOutOfService(machine, out);
    }
    case "issue":
      return desk.issue(actions.issue.parse(body));
  }
}

class NotFoundError extends Error {
  override readonly name = "NotFoundError";
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MOST_BODY) throw new SyntaxError("the request is too long");
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
}

async function sendFile(response: ServerResponse, path: string): Promise<void> {
  const found = staticFile(path);
  if (!found) throw new NotFoundError("there is no such page");
  let content: Buffer;
  try {
    content = await readFile(new URL(found.path, import.meta.url));
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") throw new NotFoundError("not there");
    throw cause;
  }
  response.writeHead(200, { ...headers, "content-type": found.type });
  response.end(content);
}

function staticFile(path: string): { readonly path: string; readonly type: string } | undefined {
  if (Object.hasOwn(files, path)) return files[path];
  const styles = STYLES.exec(path)?.[1];
  if (styles !== undefined) return { path: `../../page/${styles}.css`, type: "text/css; charset=utf-8" };
  const module = MODULE.exec(path)?.[1];
  return module === undefined ? undefined : { path: `./page/${module}`, type: "text/javascript; charset=utf-8" };
}

const headers = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
} as const;

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { ...headers, "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** What went wrong in a sentence for the page; a defect says no more than that it is one. */
function problemOf(error: unknown): { status: number; body: { detail: string; hint?: string } } {
  if (error instanceof NotFoundError) return { status: 404, body: { detail: error.message } };
  if (error instanceof z.ZodError) {
    return { status: 400, body: { detail: error.issues.map(({ message }) => message).join("; ") } };
  }
  if (error instanceof SyntaxError) return { status: 400, body: { detail: "the request is no JSON, or too long" } };
  if (error instanceof DemoError) return { status: 409, body: { detail: error.message, hint: error.hint } };
  if (error instanceof CardJobError) return { status: 409, body: { detail: error.message } };
  if (error instanceof ApiError) {
    const { detail, hint } = error;
    return { status: 409, body: { detail, ...(hint !== undefined && { hint }) } };
  }
  return { status: 500, body: { detail: error instanceof Error ? error.message : "a defect of the demo" } };
}

function portOf(server: Server): number {
  const address = server.address();
  return address === null || typeof address === "string" ? 0 : address.port;
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}
