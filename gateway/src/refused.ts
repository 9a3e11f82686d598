import type { RequestCode } from "@badgekey/shared";

/**
 * An operator's mistake or a state that does not allow what was asked; `http/problem.ts` maps it once (SPEC 10.2, RFC
 * 9457).
 */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  /** What to do instead; one sentence. */
  readonly hint: string | undefined;

  constructor(
    readonly code: RequestCode,
    message: string,
    options: { readonly hint?: string; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.hint = options.hint;
  }
}
