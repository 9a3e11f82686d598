import type { BadgeView, LiveEvent, LogView, MachineView, PersonView, ProblemView, StatusView } from "@badgekey/shared";
import { request as httpsRequest } from "node:https";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TestGateway, TestAgent, enrolTestAgent, startTestGateway } from "../gateway-fixture.js";

let site: TestGateway;
let base: string;
let token: string;

beforeAll(async () => {
  site = await startTestGateway({ https: true });
  base = `${site.addresses.http}/api/v1`;
  token = readFileSync(join(site.dataDir, "admin-token"), "utf8").trim();
});
afterAll(async () => {
  await site.stop();
});

async function problemOf(response: Response): Promise<ProblemView> {
  expect(response.headers.get("content-type")).toMatch(/^application\/problem\+json/);
  const problem = (await response.json()) as ProblemView;
  expect(problem.status).toBe(response.status);
  return problem;
}

function send(method: string, path: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
  const all = { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers };
  return fetch(`${base}${path}`, { method, headers: all, ...(body !== "" && { body }) });
}

describe("who may ask", () => {
  test("without a token: health, the CA and enrolment, nothing else", async () => {
    expect((await fetch(`${base}/health`)).status).toBe(200);
    expect(await (await fetch(`${base}/enrol/ca`)).text()).toMatch(/^-----BEGIN CERTIFICATE-----/);
    for (const path of ["/status", "/people", "/log", "/events", "/log/export", "/site-state", "/badges/x"]) {
      const response = await fetch(base + path);
      expect(response.status, path).toBe(401);
      expect((await problemOf(response)).code).toBe("UNAUTHORISED");
    }
  });

  test.each(["Bearer", "Bearer ", "Basic dXNlcjpwYXNz", `Bearer ${"x".repeat(43)}`, "Bearer undefined"])(
    "is refused with %s",
    async (authorization) => {
      const response = await fetch(`${base}/status`, { headers: { authorization } });
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
    },
  );

  test("a page of another site cannot reach it under a name of its own (DNS rebinding)", async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const { port } = new URL(base);
      const options = { host: "127.0.0.1", port, path: "/api/v1/health", headers: { host: "evil.example" } };
      void import("node:http").then(({ get }) =>
        get(options, (answer) => resolve(answer.statusCode)).on("error", reject),
      );
    });
    expect(status).toBe(421);
  });

  test("other addresses are served with a certificate of the site's own authority", async () => {
    const ca = readFileSync(join(site.dataDir, "ca.pem"));
    const { port } = new URL(site.addresses.https ?? "");
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const options = { host: "127.0.0.1", servername: "localhost", port, path: "/api/v1/health", ca };
      httpsRequest(options, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      })
        .on("error", reject)
        .end();
    });
    expect(status).toBe(200);
  });
});

describe("what is asked wrongly gets a code and a sentence", () => {
  test.each([
    ["no JSON", "/people", "{", 400, /JSON/],
    ["an unknown member", "/people", '{"name":"A","admin":true}', 400, /admin/],
    ["a missing member", "/people", "{}", 400, /^name: /],
    ["a wrong type", "/people", '{"name":7}', 400, /^name: /],
    ["a list", "/people", "[]", 400, /expected object/],
    ["a prototype", "/people", '{"name":"A","__proto__":{"x":1}}', 400, /JSON/],
    ["a bad slug", "/trainings", '{"slug":"Laser 1","name":"L"}', 400, /^slug: /],
    ["a level that is none", "/training-records", '{"person":"x","training":1,"level":9}', 400, /^level: /],
    ["an unknown preset", "/machines", '{"id":"m","name":"M","preset":"rocket"}', 400, /^preset: /],
    ["a policy member that is none", "/machines", '{"id":"m","name":"M","policy":{"speed":1}}', 400, /policy.*speed/],
    ["an invite too long", "/agents/invite", '{"agent":"a","minutes":60}', 400, /^minutes: /],
    ["an unknown training", "/machines", '{"id":"m","name":"M","requires":[{"training":"x"}]}', 404, /no training x/],
    ["an unknown person", "/badges", '{"person":"nobody"}', 404, /no person nobody/],
    ["an unknown badge", "/badges/none/revoke", '{"reason":"x"}', 404, /no badge none/],
    ["an unknown controller", "/agents/none/read-card", "{}", 404, /no controller none/],
  ])("%s", async (_what, path, body, status, detail) => {
    const response = await send("POST", path, body);
    expect(response.status).toBe(status);
    expect((await problemOf(response)).detail).toMatch(detail);
  });

  test("too large a body, another media type, an unknown route, a bad cursor", async () => {
    expect((await problemOf(await send("POST", "/people", `{"name":"${"x".repeat(70_000)}"}`))).status).toBe(413);
    expect((await problemOf(await send("POST", "/people", "x", { "content-type": "text/xml" }))).status).toBe(415);
    expect((await problemOf(await send("GET", "/nothing", ""))).code).toBe("NOT_FOUND");
    expect((await problemOf(await send("GET", "/log?after=1%27", ""))).detail).toMatch(/^after: /);
    expect((await problemOf(await send("GET", "/log?limit=100000", ""))).code).toBe("REQUEST_INVALID");
    expect((await problemOf(await send("GET", "/log?colour=red", ""))).code).toBe("REQUEST_INVALID");
  });

  test("an enrolment without a good invite", async () => {
    const body = { agent: "laser-9", secret: "00".repeat(16), certificateRequest: "x", agentKey: "00".repeat(32) };
    const response = await fetch(`${base}/enrol`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    expect(await problemOf(response)).toMatchObject({ status: 403, code: "INVITE_INVALID" });
  });
});

describe("the API", () => {
  test("trainings, people, records, badges and machines, as staff use them", async () => {
    await site.call("POST", "/trainings", { slug: "laser", name: "Laser cutter", validDays: 30 });
    expect((await site.call("POST", "/trainings", { slug: "laser", name: "Again" })).status).toBe(409);
    const { body: second } = await site.call("POST", "/trainings", { slug: "printing", name: "3D printing" });
    expect(second).toMatchObject({ number: 2, url: "", validDays: 365 });

    const ada = await site.call<PersonView>("POST", "/people", { name: "Ada", email: "ada@example.org" });
    expect((await site.call("POST", "/people", { name: "Ada 2", email: "ada@example.org" })).status).toBe(409);
    expect((await site.call("GET", "/people?search=ada%40")).body).toEqual([ada.body]);
    expect((await site.call("GET", `/people/${ada.body.id}`)).body).toEqual(ada.body);

    const nothing = await site.call<ProblemView>("POST", "/badges", { person: ada.body.id, unbound: true });
    expect(nothing.body).toMatchObject({ code: "CONFLICT", hint: expect.stringMatching(/record a training/) });
    await site.call("POST", "/training-records", {
      person: ada.body.id,
      training: 2,
      heldOn: "2026-01-01",
      endsAt: "2099-01-01T00:00:00Z",
    });
    const badge = await site.call<BadgeView>("POST", "/badges", { person: ada.body.id, unbound: true });
    expect(badge.body).toMatchObject({
      state: "valid",
      personName: "Ada",
      grants: [{ training: "printing", level: 2 }],
    });
    await site.call("POST", "/badges", {
      person: ada.body.id,
      grants: [{ training: "laser", level: 3 }],
      unbound: true,
    });
    const records = await site.call<object[]>("GET", `/training-records?person=${ada.body.id}`);
    expect(records.body).toMatchObject([{ training: "printing" }, { training: "laser", level: 3 }]);
    const valid = await site.call<BadgeView[]>("GET", `/badges?person=${ada.body.id}&state=valid`);
    expect(valid.body).toHaveLength(2);

    const machine = {
      id: "laser-7",
      name: "Laser",
      preset: "laser",
      policy: { session: { maxSeconds: 60 } },
      requires: [{ training: "laser" }],
    };
    const added = await site.call<MachineView>("POST", "/machines", machine);
    expect(added.body.policy).toMatchObject({
      preset: "laser",
      minAssurance: 2,
      session: { maxSeconds: 60, warnSeconds: 300 },
      requires: [[{ training: 1, level: 2 }]],
    });
    const changed = await site.call<MachineView>("PATCH", "/machines/laser-7", {
      session: { maxSeconds: null },
      requires: [[{ training: "printing", level: 3 }], [{ training: 1 }]],
    });
    expect(changed.body.policy).toMatchObject({
      session: { maxSeconds: 14_400, warnSeconds: 300 },
      requires: [[{ training: 2, level: 3 }], [{ training: 1, level: 2 }]],
    });
    const unreachable = await site.call<ProblemView>("POST", `/badges/${badge.body.id}/write`, { agent: "laser-7" });
    expect(unreachable.body).toMatchObject({ status: 503, code: "AGENT_UNREACHABLE" });
  });

  test("what happens is told as it happens, and the log can be filtered, paged and exported", async () => {
    const ending = new AbortController();
    const stream = await fetch(`${base}/events`, {
      headers: { authorization: `Bearer ${token}` },
      signal: ending.signal,
    });
    expect(stream.headers.get("content-type")).toBe("text/event-stream");
    const events: LiveEvent[] = [];
    const reading = (async () => {
      let text = "";
      for await (const chunk of stream.body as unknown as AsyncIterable<Uint8Array>) {
        text += Buffer.from(chunk).toString();
        for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
          const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
          text = text.slice(end + 2);
          if (data !== undefined) events.push(JSON.parse(data) as LiveEvent);
        }
        if (events.filter(({ kind }) => kind === "usage").length === 3) return;
      }
    })();

    await site.call("POST", "/machines", { id: "saw-1", name: "Saw" });
    const agent = await TestAgent.connect(await enrolTestAgent(site, "saw-1"));
    const reason = '=HYPERLINK("http://evil.example")';
    await agent.send(agent.nextRow({ kind: "tapRefused", code: "BADGE_EXPIRED" }), agent.nextRow({ reason }));
    await agent.send(agent.nextRow({ kind: "agentStopped" }));
    await reading;
    ending.abort();
    await agent.close();
    expect(events.some(({ kind }) => kind === "agent")).toBe(true);

    const page = await site.call<{ rows: LogView[]; next: string }>("GET", "/log?agent=saw-1&limit=2");
    expect(page.body.rows.map(({ sequence }) => sequence)).toEqual([3, 2]);
    const rest = await site.call<{ rows: LogView[]; next: null }>(
      "GET",
      `/log?agent=saw-1&limit=2&after=${page.body.next}`,
    );
    expect(rest.body).toMatchObject({ rows: [{ sequence: 1, code: "BADGE_EXPIRED" }], next: null });
    const refused = await site.call<{ rows: LogView[] }>("GET", "/log?machine=saw-1&kind=tapRefused");
    expect(refused.body.rows).toHaveLength(1);

    const csv = await (await send("GET", "/log/export?agent=saw-1", "")).text();
    expect(csv.split("\r\n")).toHaveLength(5);
    expect(csv).toContain(`"'=HYPERLINK(""http://evil.example"")"`);
    const json = (await (await send("GET", "/log/export?format=json&agent=saw-1", "")).json()) as LogView[];
    expect(json.map(({ kind }) => kind)).toEqual(["agentStopped", "sessionEnded", "tapRefused"]);
    expect(await (await send("GET", "/log/export?format=json&agent=none", "")).json()).toEqual([]);
  });

  test("status counts, and lists what needs a person, soonest first", async () => {
    const { body } = await site.call<StatusView>("GET", "/status");
    expect(body.siteName).toBe("Test site");
    const ends = body.deadlines.map(({ at }) => Date.parse(at));
    expect(ends).toEqual([...ends].sort((a, b) => a - b));
    expect(body.deadlines.map(({ what }) => what)).toContain("server certificate");
  });
});
