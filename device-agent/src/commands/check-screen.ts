import type { ScreenConfig } from "../config.js";
import { BENCH } from "./check-reader.js";
import { type Finding, failed, ok, warning } from "./finding.js";

const ANSWER_MS = 2_000;

/** Whether the screen's page is served; that nobody serves it is as it should be while the agent does not run. */
export async function checkScreen(
  screen: ScreenConfig | undefined,
  isAgentRunning: boolean,
): Promise<readonly Finding[]> {
  if (!screen) return [];
  if (screen.driver === "simulated") return [warning("screen", `simulated, by ${screen.socket}`, BENCH)];
  const url = `http://127.0.0.1:${String(screen.port)}/`;
  const other = `sudo ss -ltnp 'sport = :${String(screen.port)}' names the program; or write another \`port\` under \`screen\``;
  const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) }).catch((error: unknown) => error);
  if (answer instanceof Response) {
    const isPage = answer.ok && /html/.test(answer.headers.get("content-type") ?? "");
    await answer.body?.cancel();
    if (isPage && isAgentRunning) return [ok("screen", `${url} answers`)];
    return [failed("screen", `another program answers at ${url}`, other)];
  }
  const isRefused = /ECONNREFUSED/.test(String((answer as { readonly cause?: unknown }).cause));
  if (!isRefused) return [failed("screen", `${url} does not answer`, other)];
  if (!isAgentRunning) return [ok("screen", `port ${String(screen.port)} is free for the page`)];
  return [failed("screen", `the agent runs, and nobody serves ${url}`, "restart the agent; its log says why")];
}
