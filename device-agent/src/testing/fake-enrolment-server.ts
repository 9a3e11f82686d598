import { type IncomingMessage, type ServerResponse, createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type EnrolView, enrolInput, encodeInvite, toHex } from "@badgekey/shared";
import { testSite } from "@badgekey/shared/testing";
import { type TestAuthority, testAuthority } from "./test-certificates.js";

export interface EnrolmentServerOptions {
  /** The computer's own clock. */
  readonly now: number;
  readonly protocol?: "https" | "http";
  /** Whose certificate the TLS server shows; the site's own unless given. */
  readonly tlsAuthority?: TestAuthority;
  /** Name in the server's certificate; 127.0.0.1 unless given. */
  readonly host?: string;
  /** Changes what comes back to a good enrolment. */
  readonly change?: (view: EnrolView) => unknown;
  /** Certifies under another name, or another key. */
  readonly certify?: (request: string, agent: string) => Promise<string>;
  readonly broker?: { readonly host: string; readonly port: number };
}

/** A gateway as far as enrolment sees one: one-use secret, certificate by the site CA, problems with codes. */
export async function startEnrolmentServer(options: EnrolmentServerOptions) {
  const authority = await testAuthority(options.now);
  const site = testSite();
  const secret = new Uint8Array(16).fill(42);
  let used = false;
  const asked: string[] = [];
  const certify = options.certify ?? ((request, agent) => authority.sign(request, agent));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    asked.push(`${request.method ?? ""} ${request.url ?? ""}`);
    if (request.url === "/api/v1/enrol/ca") {
      response.end(authority.certPem);
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const input = enrolInput.parse(JSON.parse(Buffer.concat(chunks).toString("utf8")));
    if (used || input.secret !== toHex(secret)) {
      const problem = { type: "about:blank", title: "refused", status: 403, code: "INVITE_INVALID" };
      response.statusCode = 403;
      response.end(JSON.stringify({ ...problem, detail: "the invite is unknown, used or expired" }));
      return;
    }
    used = true;
    const view: EnrolView = {
      certificate: await certify(input.certificateRequest, input.agent),
      ca: authority.certPem,
      roots: [toHex(site.rootBytes)],
      broker: options.broker ?? { host: "127.0.0.1", port: 8883 },
      machines: ["laser-1"],
    };
    response.statusCode = 201;
    response.end(JSON.stringify(options.change?.(view) ?? view));
  }

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  };
  const server =
    options.protocol === "http"
      ? createHttpServer(listener)
      : createHttpsServer(await (options.tlsAuthority ?? authority).server(options.host), listener);
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
  const invite = {
    url: `${options.protocol ?? "https"}://127.0.0.1:${String(port)}`,
    agent: "laser-1",
    secret,
    rootHash: site.site,
    caHash: authority.hash,
  };
  return {
    invite,
    line: encodeInvite(invite),
    authority,
    site,
    /** Requests so far, method and path. */
    asked,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
