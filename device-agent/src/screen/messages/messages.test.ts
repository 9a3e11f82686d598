import { describe, expect, test } from "vitest";
import { type MessageKey, english, german, placeholdersOf, say } from "./messages.js";
import { parseMessages, readMessages } from "./read-messages.js";

const keys = Object.keys(english.texts) as MessageKey[];

test("German has every text of English, with the same places to fill in, and none of its own", () => {
  expect(Object.keys(german.texts)).toEqual(keys);
  for (const key of keys) {
    expect(german.texts[key].trim(), key).not.toBe("");
    expect(placeholdersOf(german.texts[key]), key).toEqual(placeholdersOf(english.texts[key]));
  }
});

test("no text holds a code or one of the words that people never read", () => {
  const never =
    /[A-Z]{2,}_|\b(operator|lockout|interlock|verdict|relay|agent|gateway|issuer|grant|level|journal|fault|revoke|session)/i;
  for (const { texts } of [english, german]) {
    for (const key of keys) expect(texts[key].replaceAll(/\{\w+\}/g, ""), key).not.toMatch(never);
  }
});

test("what is filled in stays as it is, braces included", () => {
  expect(say(english, "active.headlineUntil", { time: "{time} $& 15:40" })).toBe("Enabled until {time} $& 15:40");
});

describe("a message file", () => {
  const file = (content: object): string => JSON.stringify(content);

  test("replaces texts of a built-in language, and leaves the others", () => {
    const { messages, problems } = parseMessages(
      file({ language: "de", texts: { "ready.tap": "Chip an den Kasten" } }),
    );
    expect([messages?.texts["ready.tap"], messages?.texts["ready.hold"]]).toEqual([
      "Chip an den Kasten",
      german.texts["ready.hold"],
    ]);
    expect(problems).toEqual([]);
  });

  test("brings another language; a missing text is English, and is named", () => {
    const texts = { ...english.texts, "ready.tap": "Présentez votre carte", "ready.hold": undefined };
    const { messages, problems } = parseMessages(file({ language: "fr", name: "Français", texts }));
    expect([messages?.locale, messages?.name]).toEqual(["fr", "Français"]);
    expect([messages?.texts["ready.tap"], messages?.texts["ready.hold"]]).toEqual([
      "Présentez votre carte",
      "Put your card in to start",
    ]);
    expect(problems).toEqual(['text "ready.hold" is missing: English is shown']);
  });

  test.each<[string, unknown, string]>([
    ["empty", "  ", "is empty"],
    ["no text", 7, "is no text"],
    ["endless", "x".repeat(201), "has over 200 characters"],
    ["without its place to fill in", "Freigegeben", "must name {time}"],
    ["with another place to fill in", "Freigegeben bis {when}", "must name {time}"],
  ])("a text that is %s falls back and is named", (_what, text, problem) => {
    const { messages, problems } = parseMessages(file({ language: "de", texts: { "active.headlineUntil": text } }));
    expect(messages?.texts["active.headlineUntil"]).toBe("Freigegeben bis {time}");
    expect(problems).toEqual([`text "active.headlineUntil" ${problem}: the built-in one is shown`]);
  });

  test("unknown texts and members are named, nothing else happens", () => {
    const { messages, problems } = parseMessages(
      file({ language: "en", texts: { "ready.taps": "x", __proto__: "y" }, note: 1 }),
    );
    expect(problems).toEqual(['unknown member "note"', 'unknown text "ready.taps"']);
    expect(messages?.texts).toEqual(english.texts);
  });

  test.each([
    ["no JSON", "{"],
    ["a list", "[]"],
    ["a language that is none", '{"language":"../etc","texts":{}}'],
    ["nothing at all", ""],
  ])("%s is no message file, and costs nothing but its texts", (_what, json) => {
    const { messages, problems } = parseMessages(json);
    expect(messages).toBeUndefined();
    expect(problems).toHaveLength(1);
  });

  test("a file that is not there is told by its code", async () => {
    expect(await readMessages("/nowhere/fr.json")).toEqual({
      messages: undefined,
      problems: ["the message file cannot be used: ENOENT"],
    });
  });
});
