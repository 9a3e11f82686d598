import type { ScreenView } from "../ports.js";
import { type MessageKey, type Messages, say } from "./messages/messages.js";
import { type QrPath, qrPathOf } from "./qr-path.js";

/** What the page is told of one language's view: links as codes. What time remains comes with every beat. */
export interface PageView extends Omit<ScreenView, "missing"> {
  readonly toneWord: string;
  readonly missing?: {
    readonly trainings: readonly { readonly name: string; readonly why: string; readonly code: QrPath | null }[];
    readonly more: string;
    readonly next: string;
  };
}

/** What the page is built with: its languages and its own texts. */
export interface PageSetup {
  readonly token: string;
  readonly languages: readonly {
    readonly language: string;
    readonly name: string;
    readonly texts: Readonly<Record<string, string>>;
  }[];
}

export function pageView({ missing, ...view }: ScreenView, messages: Messages): PageView {
  return {
    ...view,
    toneWord: say(messages, `tone.${view.tone}`),
    ...(missing && {
      missing: {
        ...missing,
        trainings: missing.trainings.map(({ name, why, url }) => ({ name, why, code: qrPathOf(url) ?? null })),
      },
    }),
  };
}

export function pageSetup(token: string, languages: readonly Messages[]): PageSetup {
  return {
    token,
    languages: languages.map(({ language, name, texts }) => {
      const own = (Object.keys(texts) as MessageKey[]).filter((key) => key.startsWith("page."));
      return { language, name, texts: Object.fromEntries(own.map((key) => [key.slice("page.".length), texts[key]])) };
    }),
  };
}

/** The page's HTML with its setup in an attribute: data, which no policy of the browser takes for a script. */
export function indexWith(index: string, setup: PageSetup): string {
  const language = setup.languages[0]?.language ?? "en";
  return index
    .replaceAll("%language%", () => escaped(language))
    .replaceAll("%setup%", () => escaped(JSON.stringify(setup)));
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
