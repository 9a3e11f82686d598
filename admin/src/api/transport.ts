import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { Readable } from "node:stream";

/** The part of `fetch` the client needs: one request, a standard Response. Rejects when nothing answers. */
export type Transport = (url: string, init: RequestInit) => Promise<Response>;

/** The runtime's own fetch: trusts what the system trusts. */
export const systemTransport: Transport = (url, init) => fetch(url, init);

/**
 * A transport that trusts only the given CA (PEM): a gateway signs its own certificate with its site's CA, which no
 * system knows, and the runtime's fetch cannot be given one.
 */
export function transportTrusting(ca: string): Transport {
  return (url, init) =>
    new Promise((resolve, reject) => {
      const target = new URL(url);
      const headers = Object.fromEntries(new Headers(init.headers));
      const options = {
        method: init.method ?? "GET",
        headers,
        ...(init.signal && { signal: init.signal }),
      };
      const answered = (message: import("node:http").IncomingMessage) => {
        const status = message.statusCode ?? 500;
        const body = status === 204 || status === 304 ? null : (Readable.toWeb(message) as ReadableStream<Uint8Array>);
        const entries = Object.entries(message.headers).flatMap(([name, value]) =>
          value === undefined ? [] : [[name, String(value)] as [string, string]],
        );
        resolve(new Response(body, { status, headers: entries }));
      };
      const request =
        target.protocol === "https:"
          ? httpsRequest(target, { ...options, ca, minVersion: "TLSv1.3" }, answered)
          : httpRequest(target, options, answered);
      request.on("error", reject);
      request.end(typeof init.body === "string" ? init.body : undefined);
    });
}
