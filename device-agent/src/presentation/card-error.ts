import type { TapCode } from "@badgekey/shared";

/** Why a dialogue with a card ended early. `cause` holds what the card or the reader did. */
export class CardError extends Error {
  override readonly name = "CardError";
  constructor(
    readonly code: TapCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
