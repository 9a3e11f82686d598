import { readFile, stat } from "node:fs/promises";
import { type MessageKey, type Messages, type Texts, builtInMessages, english, placeholdersOf } from "./messages.js";

/** What a message file came to: usable always, with a sentence for everything in it that was not. */
export interface ReadMessages {
  readonly messages: Messages | undefined;
  readonly problems: readonly string[];
}

const MOST_BYTES = 131_072;
const MOST_TEXT = 200;
const LANGUAGE = /^[a-z]{2,3}(-[A-Z]{2})?$/;

/**
 * Reads a message file: `{"language": "fr", "name": "Français", "texts": {"ready.tap": "…"}}`. A language of this
 * program's own is overridden text by text; another one falls back to English. Nothing in the file stops the machine: a
 * missing, malformed or unknown text is named in `problems`, and where the whole file cannot be read, `messages` is
 * absent.
 */
export async function readMessages(file: string): Promise<ReadMessages> {
  try {
    const { size } = await stat(file);
    if (size > MOST_BYTES) return unreadable(`it has ${size} bytes; at most ${MOST_BYTES} are read`);
    return parseMessages(await readFile(file, "utf8"));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    return unreadable(code);
  }
}

/** The same from the file's text. Pure. */
export function parseMessages(json: string): ReadMessages {
  const given = parseObject(json);
  if (!given) return unreadable("it is no JSON object");
  const { language, name, texts: ownTexts, ...others } = given;
  if (typeof language !== "string" || !LANGUAGE.test(language))
    return unreadable('"language" is no language, such as "fr"');
  const texts = isObject(ownTexts) ? ownTexts : {};
  const base = builtInMessages.get(language);
  const problems = [
    ...Object.keys(others).map((key) => `unknown member ${quoted(key)}`),
    ...(isObject(ownTexts) ? [] : ['"texts" is missing']),
    ...Object.keys(texts).flatMap((key) => (Object.hasOwn(english.texts, key) ? [] : [`unknown text ${quoted(key)}`])),
  ];
  const merged = (Object.keys(english.texts) as MessageKey[]).map((key) => {
    const fallback = (base ?? english).texts[key];
    if (!Object.hasOwn(texts, key)) {
      // A language of our own is complete without the file.
      if (!base) problems.push(`text "${key}" is missing: English is shown`);
      return [key, fallback] as const;
    }
    const own = texts[key];
    const problem = problemOf(own, english.texts[key]);
    if (problem === undefined) return [key, own as string] as const;
    problems.push(`text "${key}" ${problem}: the built-in one is shown`);
    return [key, fallback] as const;
  });
  return {
    messages: {
      language,
      locale: base?.locale ?? usableLocale(language),
      name: typeof name === "string" && name.trim() !== "" ? name.slice(0, 32) : (base?.name ?? language),
      texts: Object.fromEntries(merged) as Texts,
    },
    problems,
  };
}

function problemOf(own: unknown, original: string): string | undefined {
  if (typeof own !== "string") return "is no text";
  if (own.trim() === "") return "is empty";
  if (own.length > MOST_TEXT) return `has over ${MOST_TEXT} characters`;
  const [wanted, has] = [placeholdersOf(original), placeholdersOf(own)];
  if (wanted.join() === has.join()) return undefined;
  return wanted.length === 0
    ? `names ${has.map(inBraces).join(" ")}, and nothing is filled in there`
    : `must name ${wanted.map(inBraces).join(" ")}`;
}

function usableLocale(language: string): string {
  return Intl.DateTimeFormat.supportedLocalesOf(language).length > 0 ? language : english.locale;
}

function parseObject(json: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(json);
    return isObject(parsed) ? parsed : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unreadable(reason: string): ReadMessages {
  return { messages: undefined, problems: [`the message file cannot be used: ${reason}`] };
}

function inBraces(name: string): string {
  return `{${name}}`;
}

function quoted(key: string): string {
  return JSON.stringify(key.slice(0, 64));
}
