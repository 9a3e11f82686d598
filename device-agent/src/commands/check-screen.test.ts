import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { checkScreen } from "./check-screen.js";

let server: Server | undefined;
afterEach(() => new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined))));

/** The port of a program that answers with this content type. */
async function serving(contentType: string): Promise<number> {
  const listening = createServer((_, response) => response.setHeader("content-type", contentType).end("…"));
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", () => resolve()));
  return (listening.address() as AddressInfo).port;
}

const page = (port: number) => ({ driver: "page" as const, port, language: "en", languages: [] });
const state = async (port: number, isAgentRunning: boolean) =>
  (await checkScreen(page(port), isAgentRunning)).map((finding) => `${finding.state} ${finding.detail}`);

test("a page that the running agent serves is as it should be", async () => {
  const port = await serving("text/html; charset=utf-8");
  expect(await state(port, true)).toEqual([`ok http://127.0.0.1:${port}/ answers`]);
  expect(await checkScreen(undefined, true)).toEqual([]);
});

test("another program on the page's port is named as such", async () => {
  const port = await serving("application/json");
  expect(await state(port, true)).toEqual([`failed another program answers at http://127.0.0.1:${port}/`]);
  expect(await state(port, false)).toEqual([`failed another program answers at http://127.0.0.1:${port}/`]);
});

test("a free port is fine until the agent runs", async () => {
  const port = await serving("text/html");
  await new Promise((resolve) => server?.close(resolve));
  server = undefined;
  expect(await state(port, false)).toEqual([`ok port ${port} is free for the page`]);
  expect(await state(port, true)).toEqual([`failed the agent runs, and nobody serves http://127.0.0.1:${port}/`]);
});
