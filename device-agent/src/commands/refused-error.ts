/** What a person asked for cannot be done. The edge prints `message` and `hint` and exits with 1 (2: wrong usage). */
export class RefusedError extends Error {
  override readonly name = "RefusedError";

  /** `hint` says what to do, best as the very command; `message` names what is wrong, lower case, without secrets. */
  constructor(
    message: string,
    readonly hint: string,
    options: { readonly cause?: unknown } = {},
  ) {
    super(message, options);
  }
}
