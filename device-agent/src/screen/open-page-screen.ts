import type { BaseLogger } from "pino";
import type { MonotonicClock, Scheduler } from "../ports.js";
import { type Messages, builtInMessages, english } from "./messages/messages.js";
import { readMessages } from "./messages/read-messages.js";
import { type PageScreen, pageScreen } from "./page-screen.js";

export interface PageScreenConfig {
  readonly port: number;
  readonly language: string;
  readonly languages: readonly string[];
  /** Absolute path of a message file. */
  readonly messages?: string | undefined;
}

export interface PageScreenDeps {
  readonly clock: MonotonicClock & Scheduler;
  readonly log: Pick<BaseLogger, "info" | "warn">;
}

/** The page in the configured languages. A message file that cannot be used costs its texts, never the machine. */
export async function openPageScreen(config: PageScreenConfig, { clock, log }: PageScreenDeps): Promise<PageScreen> {
  const languages = await languagesOf(config, log);
  return pageScreen({ port: config.port, languages, clock, scheduler: clock, log });
}

async function languagesOf(
  { language, languages, messages: file }: PageScreenConfig,
  log: PageScreenDeps["log"],
): Promise<readonly [Messages, ...Messages[]]> {
  const known = new Map(builtInMessages);
  if (file !== undefined) {
    const { messages, problems } = await readMessages(file);
    for (const problem of problems) log.warn({ file, problem }, "a text of the message file is not used");
    if (messages) known.set(messages.language, messages);
  }
  const wanted = [...new Set([language, ...languages])];
  const found = wanted.flatMap((one) => {
    const messages = known.get(one);
    if (!messages) log.warn({ language: one }, "the screen does not speak this language");
    return messages ? [messages] : [];
  });
  const [first = english, ...others] = found;
  return [first, ...others];
}
