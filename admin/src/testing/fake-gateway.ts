import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type AgentView,
  type BadgeView,
  type JobView,
  type LogView,
  type MachineView,
  type PersonView,
  type ReceiptsView,
  type StatusView,
  type TrainingView,
  badgeInput,
  inviteInput,
  logQuery,
  machineInput,
  machinePolicySchema,
  outOfServiceInput,
  policyProblems,
  personInput,
  reasonInput,
  trainingInput,
  writeInput,
} from "@badgekey/shared";
import { z } from "zod";

/** What the fake gateway knows; tests change it and look at it. */
export interface FakeGatewayData {
  trainings: TrainingView[];
  people: PersonView[];
  machines: MachineView[];
  badges: BadgeView[];
  agents: AgentView[];
  rows: LogView[];
  jobs: Map<string, JobView[]>;
  receipts: ReceiptsView;
  siteState: { objects: { name: string; bytes: string }[] };
  problems: { agent: string; kind: "gap"; boot: number; sequence: number; detail: string }[];
  /** Answers everything with this instead, when set. */
  refuse: { status: number; body: string } | undefined;
}

export interface FakeGateway {
  readonly url: string;
  readonly token: string;
  readonly data: FakeGatewayData;
  /** "POST /badges", in order. */
  readonly calls: string[];
  readonly bodies: unknown[];
  close(): Promise<void>;
}

const AT = "2026-11-03T11:00:00.000Z";

/** A gateway that behaves by the schemas of the API and remembers what it was asked. */
export async function startFakeGateway(): Promise<FakeGateway> {
  const token = "token-of-the-fake-gateway";
  const data = emptyData();
  const calls: string[] = [];
  const bodies: unknown[] = [];
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const url = new URL(request.url ?? "/", "http://fake");
      const path = url.pathname.replace(/^\/api\/v1/, "");
      const call = `${request.method ?? ""} ${path}`;
      calls.push(call);
      if (body !== undefined) bodies.push(body);
      if (data.refuse) {
        response.writeHead(data.refuse.status).end(data.refuse.body);
        return;
      }
      if (path !== "/health" && request.headers.authorization !== `Bearer ${token}`) {
        problem(response, 401, "UNAUTHORISED", "no valid token came with the request");
        return;
      }
      try {
        answer(call, url, body, data, response);
      } catch (error) {
        if (!(error instanceof z.ZodError)) throw error;
        problem(
          response,
          400,
          "REQUEST_INVALID",
          error.issues.map(({ path: at, message }) => `${at.join(".")}: ${message}`).join("; "),
        );
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    token,
    data,
    calls,
    bodies,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer(call: string, url: URL, body: unknown, data: FakeGatewayData, response: ServerResponse): void {
  const [, , kind = "", id = "", verb = ""] = /^(\S+) \/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?/.exec(call) ?? [];
  const json = (value: unknown) =>
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
  const badge = data.badges.find((one) => one.id === id);
  switch (call) {
    case "GET /health":
      return void json({ ok: true, version: "0.1.0", site: "ab".repeat(32) });
    case "GET /status":
      return void json(statusOf(data));
    case "GET /site-state":
      return void json(data.siteState);
    case "GET /trainings":
      return void json(data.trainings);
    case "POST /trainings": {
      const input = trainingInput.parse(body);
      const training = { ...input, number: input.number ?? data.trainings.length + 1 };
      data.trainings.push(training);
      return void json(training);
    }
    case "GET /people": {
      const search = url.searchParams.get("search") ?? "";
      return void json(data.people.filter(({ name }) => name.includes(search)));
    }
    case "POST /people": {
      const person = { id: `p${data.people.length + 1}`, ...personInput.parse(body) };
      data.people.push(person);
      return void json(person);
    }
    case "GET /machines":
      return void json(data.machines);
    case "POST /machines": {
      const input = machineInput.parse(body);
      const policy = machinePolicySchema.parse({ ...input.policy, name: input.name, requires: [[{ training: 1 }]] });
      const machine = {
        id: input.id,
        agent: input.agent ?? input.id,
        policy,
        outOfService: null,
        problems: [...policyProblems(policy, Date.now())],
      };
      data.machines.push(machine);
      return void json(machine);
    }
    case "GET /badges":
      return void json(data.badges.filter(({ state }) => (url.searchParams.get("state") ?? state) === state));
    case "POST /badges": {
      const input = badgeInput.parse(body);
      const issued = fakeBadge({
        id: `b${data.badges.length + 1}`,
        person: input.person,
        state: input.unbound ? "valid" : "awaitingCard",
      });
      data.badges.push(issued);
      return void json(issued);
    }
    case "GET /agents":
      return void json(data.agents);
    case "POST /agents/invite":
      return void json({ agent: inviteInput.parse(body).agent, line: "badgekey1:abc", expiresAt: AT });
    case "GET /log": {
      const { limit } = logQuery.parse(Object.fromEntries(url.searchParams));
      return void json({ rows: data.rows.slice(0, limit), next: data.rows.length > limit ? "42" : null });
    }
    case "GET /log/export":
      return void response.writeHead(200).end(url.searchParams.get("format") === "json" ? "[]\n" : "at,machine\n");
    case "GET /log/verify":
      return void json({ rows: data.rows.length, agents: data.agents.length, problems: data.problems });
  }
  if (kind === "badges" && !badge)
    return problem(response, 404, "NOT_FOUND", `there is no badge ${id}`, "list badges to find the id");
  if (kind === "badges" && badge) {
    if (verb === "") return void json(badge);
    if (verb === "receipts") return void json(data.receipts);
    if (verb === "write") {
      const { agent } = writeInput.parse(body);
      const [job = fakeJob({ agent, badge: id })] = data.jobs.get(`j-${id}`) ?? [];
      return void json(job);
    }
    reasonInput.parse(body);
    const state = ({ revoke: "revoked", suspend: "suspended", reinstate: "valid" } as const)[verb as "revoke"];
    return void json({ badge: { ...badge, state }, statusVersion: 2, receipts: data.receipts });
  }
  const machine = data.machines.find((one) => one.id === id);
  if (kind === "machines" && machine) {
    if (verb === "out-of-service") {
      const { reason } = outOfServiceInput.parse(body);
      return void json({ ...machine, outOfService: { reason, by: "staff", at: AT } });
    }
    return void json(machine);
  }
  if (kind === "jobs") {
    const states = data.jobs.get(id) ?? [];
    const [now, ...later] = states;
    if (later.length > 0) data.jobs.set(id, later);
    return void json(now);
  }
  problem(response, 404, "NOT_FOUND", "no such thing");
}

function problem(response: ServerResponse, status: number, code: string, detail: string, hint?: string): void {
  const body = { type: `urn:badgekey:problem:${code}`, title: code, status, code, detail, ...(hint && { hint }) };
  response.writeHead(status, { "content-type": "application/problem+json" }).end(JSON.stringify(body));
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  return text === "" ? undefined : (JSON.parse(text) as unknown);
}

function emptyData(): FakeGatewayData {
  return {
    trainings: [],
    people: [],
    machines: [],
    badges: [],
    agents: [],
    rows: [],
    jobs: new Map(),
    receipts: { object: "status/00000000", version: 2, seenBy: [], missing: [] },
    siteState: { objects: [] },
    problems: [],
    refuse: undefined,
  };
}

function statusOf(data: FakeGatewayData): StatusView {
  return {
    site: "ab".repeat(32),
    siteName: "Test makerspace",
    version: "0.1.0",
    heartbeatVersion: 7,
    heartbeatAt: AT,
    counts: {
      people: data.people.length,
      badges: data.badges.length,
      machines: data.machines.length,
      agents: data.agents.length,
      records: data.rows.length,
    },
    agents: data.agents,
    deadlines: [{ what: "root key", at: "2036-11-03T11:00:00.000Z" }],
    alarms: [],
  };
}

export function fakeBadge(members: Partial<BadgeView> = {}): BadgeView {
  return {
    id: "b1",
    person: "p1",
    personName: "Ada Okafor",
    state: "valid",
    pseudonym: "k3v9x2q7",
    issuerKeyId: "0a1b2c3d",
    statusIndex: 4711,
    grants: [{ training: "laser", number: 1, level: 2, endsAt: "2027-11-03T11:00:00.000Z" }],
    issuedAt: AT,
    expiresAt: "2027-11-03T11:00:00.000Z",
    cardUid: null,
    bytes: null,
    reason: null,
    ...members,
  };
}

export function fakeJob(members: Partial<JobView> = {}): JobView {
  return {
    id: "j-b1",
    kind: "writeCard",
    agent: "laser-1",
    badge: "b1",
    state: "waitingForCard",
    cardUid: null,
    code: null,
    detail: null,
    ...members,
  };
}

export function fakeAgent(members: Partial<AgentView> = {}): AgentView {
  return {
    id: "laser-1",
    machines: ["laser-1"],
    enrolled: true,
    fingerprint: "0102030405060708",
    connected: true,
    lastSeenAt: AT,
    report: null,
    quarantined: 0,
    certificateEndsAt: null,
    ...members,
  };
}
