import type { ScreenView } from "../ports.js";
import type { MessageKey } from "./messages/messages.js";
import type { ScreenContext } from "./screen-context.js";

/** A view of texts in which nothing is filled in. */
export function plainView(
  tone: ScreenView["tone"],
  { messages: { texts } }: Pick<ScreenContext, "messages">,
  ...[headline, detail, next]: readonly [MessageKey, MessageKey?, MessageKey?]
): ScreenView {
  return { tone, headline: texts[headline], detail: detail ? texts[detail] : "", next: next ? texts[next] : "" };
}
