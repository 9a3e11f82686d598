import { once } from "node:events";
import { type RequestOptions, request } from "node:http";
import { type Socket, connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { ScreenAction, ScreenView } from "../ports.js";
import { fakeClock } from "../testing/fake-clock.js";
import { silentLog } from "../testing/silent-log.js";
import { english, german } from "./messages/messages.js";
import { PageClients } from "./page-clients.js";
import { type PageScreen, pageScreen } from "./page-screen.js";

const ready: ScreenView = { tone: "ready", headline: "Laser cutter", detail: "Ready", next: "Tap your card to start" };
const enabled: ScreenView = { ...ready, tone: "enabled", headline: "Enabled", canEnd: true };
const problems = { en: ["Broken", "Unsafe"], de: ["Kaputt", "Unsicher"] };

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

async function bench() {
  const clock = fakeClock();
  const actions: ScreenAction[] = [];
  const screen = await pageScreen({ port: 0, languages: [english, german], clock, scheduler: clock, log: silentLog() });
  opened.push(screen);
  screen.start?.((action) => actions.push(action));
  const html = (await ask(screen, { path: "/" })).body;
  const token = /&quot;token&quot;:&quot;([\w-]+)&quot;/.exec(html)?.[1] ?? "";
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    ask(
      screen,
      {
        path,
        method: "POST",
        headers: { origin: `http://127.0.0.1:${screen.port}`, "content-type": "application/json", ...headers },
      },
      typeof body === "string" ? body : JSON.stringify({ token, ...(body as object) }),
    );
  return { clock, screen, actions, html, token, post };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

async function ask({ port }: PageScreen, options: RequestOptions, body = ""): Promise<Answer> {
  const asked = request({ host: "127.0.0.1", port, ...options });
  asked.end(body);
  const [response] = (await once(asked, "response")) as [
    NodeJS.ReadableStream & { statusCode: number; headers: object },
  ];
  let text = "";
  for await (const chunk of response) text += chunk.toString();
  return { status: response.statusCode, headers: { ...response.headers }, body: text };
}

/** An event stream that is read until it has said `what`. */
async function listen(
  screen: PageScreen,
): Promise<{ until(what: string): Promise<string>; readonly ended: Promise<unknown> }> {
  const asked = request({ host: "127.0.0.1", port: screen.port, path: "/events" });
  asked.on("error", () => undefined);
  asked.end();
  opened.push({ close: () => asked.destroy() });
  const [response] = (await once(asked, "response")) as [NodeJS.ReadableStream];
  let text = "";
  const waiting = new Set<() => void>();
  response.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    for (const look of waiting) look();
  });
  response.on("error", () => undefined);
  return {
    ended: new Promise((resolve) => response.once("close", resolve)),
    until: (what) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!text.includes(what)) return;
          waiting.delete(look);
          resolve(text);
        };
        waiting.add(look);
        look();
      }),
  };
}

describe("who is answered", () => {
  test("only the names of this computer: a page that points its own name here gets nothing", async () => {
    const { screen } = await bench();
    for (const host of ["evil.example", "127.0.0.1", `evil.example:${screen.port}`, "[::1]"]) {
      for (const path of ["/", "/events", "/screen.css"]) {
        expect([host, (await ask(screen, { path, headers: { host } })).status]).toEqual([host, 421]);
      }
    }
    expect((await ask(screen, { path: "/", headers: { host: `localhost:${screen.port}` } })).status).toBe(200);
  });

  test("no page of another site, whatever it asks for", async () => {
    const { screen } = await bench();
    for (const site of ["cross-site", "same-site"]) {
      const headers = { host: `127.0.0.1:${screen.port}`, "sec-fetch-site": site };
      expect((await ask(screen, { path: "/events", headers })).status).toBe(403);
    }
  });

  test("nothing but page, style, script, events and two actions", async () => {
    const { screen, post } = await bench();
    for (const path of [
      "/package.json",
      "/../package.json",
      "/page/../main.js",
      "/page/%2e%2e/main.js",
      "//",
      "/page/",
    ]) {
      expect([path, (await ask(screen, { path })).status]).toEqual([path, 404]);
    }
    expect((await post("/start", {})).status).toBe(404);
    expect((await ask(screen, { path: "/", method: "PUT" })).status).toBe(405);
    expect((await ask(screen, { path: "/page/main.js" })).headers["content-type"]).toContain("text/javascript");
  });

  test("with headers that keep everything foreign out, and a page that asks for nothing foreign", async () => {
    const { screen, html } = await bench();
    const { headers } = await ask(screen, { path: "/" });
    expect(headers["content-security-policy"]).toMatch(/^default-src 'none'; script-src 'self'/);
    expect(headers["content-security-policy"]).not.toContain("unsafe");
    expect([headers["x-content-type-options"], headers["x-frame-options"]]).toEqual(["nosniff", "DENY"]);
    expect(headers["access-control-allow-origin"]).toBeUndefined();
    const style = (await ask(screen, { path: "/screen.css" })).body;
    expect(`${html}${style}`).not.toMatch(/https?:\/\/|@import|url\(/);
  });
});

describe("what people can do", () => {
  test("ends a use while there is one, once a second at most", async () => {
    const { clock, screen, actions, post } = await bench();
    screen.show(ready);
    expect((await post("/end", {})).status).toBe(409);
    screen.show(enabled);
    expect((await post("/end", {})).status).toBe(202);
    expect((await post("/end", {})).status).toBe(429);
    await clock.advance(1_000);
    expect((await post("/end", {})).status).toBe(202);
    expect(actions).toEqual([{ kind: "endPressed" }, { kind: "endPressed" }]);
  });

  test("reports what is offered and nothing else, told in the screen's own language", async () => {
    const { clock, screen, actions, post } = await bench();
    screen.show({ ...ready, problems: problems.en }, [{ ...ready, problems: problems.de }]);
    expect((await post("/problem", { reason: "<script>" })).status).toBe(409);
    expect((await post("/problem", { reason: "Unsicher" })).status).toBe(202);
    expect((await post("/problem", { reason: "Broken" })).status).toBe(429);
    await clock.advance(10_000);
    expect((await post("/problem", { reason: "Broken" })).status).toBe(202);
    expect(actions).toEqual([
      { kind: "problemReported", reason: "Unsafe" },
      { kind: "problemReported", reason: "Broken" },
    ]);
  });

  test("nobody but the page itself: another origin, no origin, another token, a form, a flood of bytes", async () => {
    const { screen, actions, post } = await bench();
    screen.show(enabled);
    expect((await post("/end", {}, { origin: "http://evil.example" })).status).toBe(403);
    expect((await post("/end", {}, { origin: `http://localhost:${screen.port}` })).status).toBe(403);
    expect((await post("/end", {}, { origin: "" })).status).toBe(403);
    expect((await post("/end", { token: "A".repeat(22) })).status).toBe(403);
    expect((await post("/end", { token: "" })).status).toBe(403);
    expect((await post("/end", {}, { "content-type": "text/plain" })).status).toBe(415);
    expect((await post("/end", "{")).status).toBe(400);
    expect((await post("/end", { more: 1 })).status).toBe(400);
    await expect(post("/end", { more: "x".repeat(100_000) })).rejects.toThrow();
    expect(actions).toEqual([]);
  });
});

describe("what the page is told", () => {
  test("all there is to show at once, in every language, with links as codes and no instant of the clock", async () => {
    const { screen } = await bench();
    const missing = {
      trainings: [{ name: "Fire", why: "Needed here", url: "https://x.example/fire" }],
      more: "",
      next: "",
    };
    screen.show({ ...ready, missing }, [{ ...ready, headline: "Laser", missing }]);
    const text = await (await listen(screen)).until("event: beat");
    const views = JSON.parse(/data: (\[.*\])/.exec(text)?.[1] ?? "") as {
      headline: string;
      toneWord: string;
      missing: unknown;
    }[];
    expect(views.map(({ headline, toneWord }) => [headline, toneWord])).toEqual([
      ["Laser cutter", "Ready"],
      ["Laser", "Bereit"],
    ]);
    expect(JSON.stringify(views[0]?.missing)).toMatch(/"code":\{"size":\d+,"path":"M\d/);
  });

  test("the time left by every beat, and no beat once the loop confirms nothing any more", async () => {
    const { clock, screen } = await bench();
    screen.show({ ...enabled, untilMs: clock.nowMs() + 60_000 });
    const stream = await listen(screen);
    await stream.until('{"leftMs":60000}');
    await clock.advance(1_500);
    await stream.until('{"leftMs":58500}');
    await clock.advance(1_500);
    await clock.advance(1_500);
    screen.confirm?.();
    await clock.advance(1_500);
    const text = await stream.until('{"leftMs":54000}');
    // Between: comments, which tell nobody that anything holds.
    expect(text).not.toContain('{"leftMs":57000}');
    expect(text).not.toContain('{"leftMs":55500}');
  });
});

describe("clients that misbehave", () => {
  test("a hundred at once: the newest are served, the oldest let go, a change reaches all that are left", async () => {
    const { screen } = await bench();
    screen.show(ready);
    const streams = [];
    for (let number = 0; number < 100; number++) streams.push(await listen(screen));
    expect(screen.clients).toBe(32);
    await streams[0]?.ended;
    screen.show(enabled);
    await Promise.all(streams.slice(-32).map((stream) => stream.until("Enabled")));
  });

  test("one that asks for nothing and one that reads nothing hold up nobody", async () => {
    const { screen } = await bench();
    screen.show(ready);
    const sockets = [connect(screen.port, "127.0.0.1"), connect(screen.port, "127.0.0.1")];
    for (const socket of sockets) opened.push({ close: () => socket.destroy() });
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    sockets[1]?.pause().write(`GET /events HTTP/1.1\r\nHost: 127.0.0.1:${screen.port}\r\n\r\n`);
    const large = { ...ready, detail: "x".repeat(100_000) };
    const before = process.memoryUsage().arrayBuffers;
    for (let number = 0; number < 300; number++) screen.show({ ...large, headline: `View ${number}` });
    const stream = await listen(screen);
    await stream.until("View 299");
    // 300 views of 100 kB were shown; what waits for the one that reads nothing is no more than one or two of them.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8_000_000);
  });

  test("one that takes nothing is dropped, and memory holds nothing for it meanwhile", async () => {
    const clock = fakeClock();
    let shown = "view 0";
    const clients = new PageClients(clock, () => shown);
    const written: string[] = [];
    const listeners = new Map<string, () => void>();
    let isDestroyed = false;
    const full = {
      write: (text: string) => written.push(text) < 0,
      on: (event: string, listener: () => void) => listeners.set(event, listener),
      destroy: () => (isDestroyed = true),
    };
    clients.add(full as unknown as Parameters<PageClients["add"]>[0]);
    for (let number = 1; number < 1000; number++) {
      shown = `view ${number}`;
      clients.tellAll();
      clients.beat("beat");
    }
    expect(written).toEqual(["view 0"]);
    listeners.get("drain")?.();
    expect(written).toEqual(["view 0", "view 999"]);
    await clock.advance(10_001);
    clients.beat("beat");
    expect([isDestroyed, clients.size]).toEqual([true, 0]);
    await Promise.resolve();
  });

  test("a stream that has grown old ends in good order, and its page comes back", async () => {
    const clock = fakeClock();
    const clients = new PageClients(clock, () => "view");
    const told: string[] = [];
    const reading = {
      write: () => true,
      on: () => undefined,
      end: () => told.push("ended"),
      destroy: () => told.push("destroyed"),
    };
    clients.add(reading as unknown as Parameters<PageClients["add"]>[0]);
    await clock.advance(300_000);
    clients.beat("beat");
    expect([told, clients.size]).toEqual([[], 1]);
    await clock.advance(1);
    clients.beat("beat");
    expect([told, clients.size]).toEqual([["ended"], 0]);
  });

  test("a port that is taken is tried again, and nobody at the machine waits for it", async () => {
    const first = await bench();
    const clock = fakeClock();
    const { port } = first.screen;
    const warned: unknown[] = [];
    const log = { ...silentLog(), warn: (facts: unknown) => void warned.push(facts) };
    const second = await pageScreen({ port, languages: [english], clock, scheduler: clock, log });
    opened.push(second);
    second.show(ready);
    expect([second.port, warned.length]).toEqual([0, 1]);
    opened.splice(opened.indexOf(first.screen), 1);
    await first.screen.close();
    await clock.advance(5_000);
    await expect.poll(() => second.port).toBe(port);
    expect((await ask(second, { path: "/" })).status).toBe(200);
  });

  test("a client that breaks off in the middle of everything leaves nothing behind", async () => {
    const { screen } = await bench();
    screen.show(ready);
    const socket: Socket = connect(screen.port, "127.0.0.1");
    await once(socket, "connect");
    socket.write(`POST /end HTTP/1.1\r\nHost: 127.0.0.1:${screen.port}\r\nContent-Length: 50\r\n\r\n{"tok`);
    socket.write("\0\0\0garbage");
    socket.resetAndDestroy();
    const stream = await listen(screen);
    await stream.until("Laser cutter");
    expect((await ask(screen, { path: "/" })).status).toBe(200);
  });
});
