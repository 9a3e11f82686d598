import { type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { problemView } from "@badgekey/shared";
import { RefusedError } from "../commands/refused-error.js";

/** How the other end of a connection is judged. */
export type ServerTrust =
  /** Not at all: for what is public and checked by its hash. */
  | { readonly kind: "none" }
  /** By one CA (PEM) and the address's own name. */
  | { readonly kind: "ca"; readonly ca: string };

export interface GatewayRequest {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly trust: ServerTrust;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 15_000;
const MOST_BYTES = 2_097_152;

/**
 * One request to the gateway; the body of its answer as text. Throws a RefusedError for everything that can go wrong on
 * the way, and for what the gateway refuses, with its own code and hint. No redirects.
 */
export async function askGateway(asked: GatewayRequest): Promise<string> {
  const { status, body } = await exchange(asked).catch((cause: unknown) => {
    throw unreachable(asked.url, cause);
  });
  if (status === 200 || status === 201) return body;
  throw refusal(asked.url, status, body);
}

function exchange(asked: GatewayRequest): Promise<{ readonly status: number; readonly body: string }> {
  const { method, url, trust, body, timeoutMs = TIMEOUT_MS } = asked;
  const sent = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const headers = sent ? { "content-type": "application/json", "content-length": sent.length } : {};
  const verification = trust.kind === "ca" ? { ca: trust.ca } : { rejectUnauthorized: false };
  const signal = AbortSignal.timeout(timeoutMs);
  return new Promise((resolve, reject) => {
    const onAnswer = (answer: IncomingMessage): void => {
      collect(answer).then((text) => resolve({ status: answer.statusCode ?? 0, body: text }), reject);
    };
    const request =
      url.protocol === "https:"
        ? httpsRequest(url, { method, headers, signal, agent: false, minVersion: "TLSv1.3", ...verification }, onAnswer)
        : httpRequest(url, { method, headers, signal, agent: false }, onAnswer);
    request.on("error", reject);
    request.end(sent);
  });
}

async function collect(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw new Error(`the answer has more than ${String(MOST_BYTES)} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function unreachable(url: URL, cause: unknown): RefusedError {
  const code = (cause as NodeJS.ErrnoException).code ?? (cause as Error).name;
  return new RefusedError(`the gateway at ${url.origin} cannot be asked: ${code}`, hintFor(code, url), { cause });
}

/** `code` is Node's or OpenSSL's. */
function hintFor(code: string, url: URL): string {
  switch (code) {
    case "ECONNREFUSED":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "TimeoutError":
    case "ABORT_ERR":
      return `see that the gateway runs and that nothing blocks the way: curl -k ${url.origin}/api/v1/health`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `no address is known for ${url.hostname}: see to the network's name service, or have the invite made for an IP address`;
    case "CERT_NOT_YET_VALID":
    case "CERT_HAS_EXPIRED":
      return "set this computer's clock, e.g. sudo timedatectl set-ntp true, then paste the invite again";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `add ${url.hostname} to https.names in the gateway's configuration and make a new invite`;
    default:
      return "have a new invite made: this one belongs to another gateway, or someone is in between";
  }
}

function refusal(url: URL, status: number, body: string): RefusedError {
  const problem = problemView.safeParse(parseOr(body));
  if (!problem.success) {
    return new RefusedError(
      `${url.origin} answered with status ${String(status)}, which no gateway does`,
      "see that the invite's address is the gateway itself, not another web server before it",
    );
  }
  const { code, detail, hint } = problem.data;
  const next =
    code === "INVITE_INVALID" ? "have a new invite made: badgekey agent invite <id>" : "see the gateway's log";
  return new RefusedError(`${code}: ${printable(detail)}`, printable(hint ?? next));
}

function parseOr(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** What another computer said goes to a terminal: no control characters, no novel. */
function printable(text: string): string {
  return text.replace(/[^\P{C}]/gu, " ").slice(0, 300);
}
