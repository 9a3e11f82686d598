import type { ProblemView, RequestCode } from "@badgekey/shared";
import { requestCodes } from "@badgekey/shared";
import type { FastifyError } from "fastify";
import { hasZodFastifySchemaValidationErrors } from "fastify-type-provider-zod";
import { RefusedError } from "../refused.js";

/** The one table from codes to HTTP (RFC 9457). */
const statuses: Readonly<Record<RequestCode, number>> = {
  REQUEST_INVALID: 400,
  UNAUTHORISED: 401,
  INVITE_INVALID: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  CONFLICT: 409,
  TOO_MANY_REQUESTS: 429,
  INTERNAL: 500,
  AGENT_UNREACHABLE: 503,
};

/** A problem ready to be sent; `status` may differ from the code's own where HTTP has a better word. */
export function problem(
  code: RequestCode,
  detail: string,
  more: { readonly hint?: string; readonly status?: number } = {},
): ProblemView {
  return {
    type: `urn:badgekey:problem:${code}`,
    title: requestCodes[code],
    status: more.status ?? statuses[code],
    code,
    detail,
    ...(more.hint !== undefined && { hint: more.hint }),
  };
}

/** What went wrong, for whoever asked. A defect says nothing of its inside: the log does. */
export function problemOf(error: FastifyError | Error): ProblemView {
  if (error instanceof RefusedError) {
    return problem(error.code, error.message, error.hint === undefined ? {} : { hint: error.hint });
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    const [first] = error.validation;
    const where = (first?.instancePath ?? "").slice(1).replaceAll("/", ".");
    const what = first?.message ?? "not of the right form";
    return problem("REQUEST_INVALID", where === "" ? what : `${where}: ${what}`);
  }
  const status = "statusCode" in error ? (error.statusCode ?? 500) : 500;
  if (status === 429)
    return problem("TOO_MANY_REQUESTS", "too many requests from this address", { hint: "wait a minute" });
  if (status >= 400 && status < 500) return problem("REQUEST_INVALID", error.message, { status });
  return problem("INTERNAL", "a defect of the program", { hint: "the gateway's log says more" });
}
