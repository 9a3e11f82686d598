import type { ProblemView } from "@badgekey/shared";

/** The gateway answered no: what it said, as RFC 9457 has it. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly code: string,
    readonly detail: string,
    readonly hint: string | undefined,
    readonly status: number,
  ) {
    super(`${code}: ${detail}`);
  }

  static of(problem: ProblemView): ApiError {
    return new ApiError(problem.code, problem.detail, problem.hint, problem.status);
  }
}

/** The gateway could not be asked at all, or what answered is none. `hint` says how to get there. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";

  constructor(
    message: string,
    readonly hint: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
