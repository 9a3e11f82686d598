import { z } from "zod";

/** A Unix socket's path fits into sockaddr_un: 108 bytes with the final zero. */
const mostSocketPath = 107;
const builtIn = ["en", "de"] as const;
const LANGUAGE = /^[a-z]{2,3}(-[A-Z]{2})?$/;

const language = z
  .string({ error: `write a language, such as ${builtIn.join(" or ")}` })
  .regex(LANGUAGE, `write a language, such as ${builtIn.join(" or ")}`);

/** The `screen` part of the configuration: a page for a browser in kiosk mode, or the demo's bench. */
export const screenSchema = z
  .discriminatedUnion("driver", [
    z.strictObject({
      driver: z.literal("page"),
      /** On 127.0.0.1 alone. */
      port: z
        .int({ error: "write a port number, such as 8080" })
        .min(1024, "write a port number from 1024 to 65535")
        .max(65_535, "write a port number from 1024 to 65535")
        .default(8080),
      /** What the screen speaks until somebody asks for another. */
      language: language.default("en"),
      /** What it can be switched to as well. */
      languages: z
        .array(language, { error: "write a list of languages, such as [en, de]" })
        .max(8, "use at most 8 languages")
        .default([]),
      /** A JSON file with texts of a further language, or in place of the built-in ones. */
      messages: z
        .string({ error: "write the path of the message file" })
        .min(1, "write the path of the message file")
        .max(512, "use at most 512 characters")
        .optional(),
    }),
    z.strictObject({
      driver: z.literal("simulated"),
      socket: z
        .string({ error: "write the path of the bench's socket" })
        .min(1, "write the path of the bench's socket")
        .max(mostSocketPath, `use at most ${String(mostSocketPath)} characters`),
    }),
  ])
  .superRefine((screen, context) => {
    if (screen.driver !== "page" || screen.messages !== undefined) return;
    const unknown = (one: string): boolean => !(builtIn as readonly string[]).includes(one);
    const message = `write one of ${builtIn.join(", ")}, or name a file with its texts as \`messages\``;
    if (unknown(screen.language)) context.addIssue({ code: "custom", path: ["language"], message });
    for (const [place, one] of screen.languages.entries()) {
      if (unknown(one)) context.addIssue({ code: "custom", path: ["languages", place], message });
    }
  });
