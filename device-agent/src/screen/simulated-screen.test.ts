import { mkdtemp, rm } from "node:fs/promises";
import { type Server, type Socket, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { simulatedScreen } from "./simulated-screen.js";

let folder: string;
let socket: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "badgekey-screen-"));
  socket = join(folder, "bench");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A bench that collects lines and tells when enough have come. */
async function bench() {
  const lines: unknown[] = [];
  const clients = new Set<Socket>();
  let changed: () => void = () => undefined;
  const server: Server = createServer((client) => {
    clients.add(client);
    let rest = "";
    client.setEncoding("utf8").on("data", (text: string) => {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts.map((line) => JSON.parse(line) as unknown));
      changed();
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    lines,
    async first(count: number): Promise<readonly unknown[]> {
      while (lines.length < count) await new Promise<void>((resolve) => (changed = resolve));
      return lines;
    },
    async close(): Promise<void> {
      for (const client of clients) client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const view = { tone: "ready", headline: "Laser", detail: "Ready", next: "Tap" } as const;

test("says hello, then what is shown and decided", async () => {
  const one = await bench();
  const screen = simulatedScreen({ socket });
  screen.show(view);
  await one.first(2);
  screen.decided({ code: "ACCEPTED", decisionUs: 310, tapUs: 4100 });
  expect(await one.first(3)).toEqual([
    { type: "hello", role: "screen" },
    { type: "screen", ...view },
    { type: "decision", code: "ACCEPTED", decisionUs: 310, tapUs: 4100 },
  ]);
  await screen.close();
  await one.close();
});

test("a bench that comes later, or comes back, sees what stands on the screen", async () => {
  const screen = simulatedScreen({ socket });
  screen.show(view);
  const one = await bench();
  await one.first(2);
  await one.close();
  screen.show({ ...view, tone: "enabled" });
  const two = await bench();
  expect(await two.first(2)).toEqual([
    { type: "hello", role: "screen" },
    { type: "screen", ...view, tone: "enabled" },
  ]);
  await screen.close();
  await two.close();
});
