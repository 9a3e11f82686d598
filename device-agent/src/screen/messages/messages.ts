import { de } from "./de.js";
import { en } from "./en.js";

export type MessageKey = keyof typeof en;
export type Texts = Readonly<Record<MessageKey, string>>;

/** The texts of one language. */
export interface Messages {
  /** BCP 47, such as "de". */
  readonly language: string;
  /** What dates and times are formatted by, such as "en-GB". */
  readonly locale: string;
  /** The language's name in itself, for the switch. */
  readonly name: string;
  readonly texts: Texts;
}

type Placeholder<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholder<Rest>
  : never;
type PlaceholderOf<Key extends MessageKey> = Placeholder<(typeof en)[Key]>;
type Words<Key extends MessageKey> = [PlaceholderOf<Key>] extends [never]
  ? []
  : [words: Readonly<Record<PlaceholderOf<Key>, string>>];

export const english: Messages = { language: "en", locale: "en-GB", name: "English", texts: en };
export const german: Messages = { language: "de", locale: "de-DE", name: "Deutsch", texts: de };

/** The languages that this program speaks by itself. */
export const builtInMessages: ReadonlyMap<string, Messages> = new Map(
  [english, german].map((one) => [one.language, one]),
);

/** A text with its `{names}` filled in. */
export function say<Key extends MessageKey>({ texts }: Messages, key: Key, ...[words]: Words<Key>): string {
  const text: string = texts[key];
  if (!words) return text;
  const given: Readonly<Record<string, string>> = words;
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => given[name] ?? whole);
}

/** The names in braces of a text, sorted. */
export function placeholdersOf(text: string): readonly string[] {
  return [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "").sort();
}
