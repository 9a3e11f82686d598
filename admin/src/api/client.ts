import {
  type AgentView,
  type BadgeInput,
  type BadgeView,
  type HealthView,
  type InviteView,
  type JobView,
  type LiveEvent,
  type MachineInput,
  type MachineView,
  type PersonInput,
  type PersonView,
  type ReceiptsView,
  type SiteStateView,
  type StatusView,
  type TrainingInput,
  type TrainingRecordInput,
  type TrainingRecordView,
  type TrainingView,
  agentView,
  badgeView,
  healthView,
  inviteView,
  jobView,
  logPage,
  logQuery,
  logVerifyView,
  logView,
  machineView,
  outOfServiceInput,
  personView,
  problemView,
  receiptsView,
  revokeView,
  siteStateView,
  statusView,
  trainingRecordView,
  trainingView,
} from "@badgekey/shared";
import { z } from "zod";
import { ApiError, UnreachableError } from "./api-error.js";
import { readServerSentEvents } from "./sse.js";
import { type Transport, systemTransport } from "./transport.js";

export interface ApiOptions {
  /** Where the gateway is, e.g. http://127.0.0.1:8080; without /api/v1. */
  readonly url: string;
  /** The staff token; without it only `health` answers. */
  readonly token?: string;
  readonly transport?: Transport;
  /** Longest wait for an answer, ms; event streams have none. */
  readonly timeoutMs?: number;
}

export type LogQuery = Omit<z.input<typeof logQuery>, "limit"> & { readonly limit?: number };
export type LogPage = z.output<typeof logPage>;
export type LogVerifyView = z.output<typeof logVerifyView>;
export type RevokeView = z.output<typeof revokeView>;
export type OutOfServiceInput = z.input<typeof outOfServiceInput>;
export type BadgeChange = "revoke" | "suspend" | "reinstate";

export type Api = ReturnType<typeof createApi>;

const liveEvent = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("usage"), row: logView }),
  z.object({ kind: z.literal("agent"), agent: agentView }),
  z.object({ kind: z.literal("job"), job: jobView }),
  z.object({ kind: z.literal("badge"), badge: badgeView }),
]);

/**
 * The gateway's API, typed by its schemas (SPEC 8). Every call throws ApiError when the gateway says no, and
 * UnreachableError when it cannot be asked or something else answers at its address.
 */
export function createApi(options: ApiOptions) {
  const transport = options.transport ?? systemTransport;
  const base = options.url.replace(/\/+$/, "");
  const timeoutMs = options.timeoutMs ?? 15_000;

  async function send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { accept: "application/json" };
    if (options.token !== undefined) headers.authorization = `Bearer ${options.token}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    const init: RequestInit = {
      method,
      headers,
      redirect: "error",
      signal: signal ?? AbortSignal.timeout(timeoutMs),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    };
    let response: Response;
    try {
      response = await transport(`${base}/api/v1${path}`, init);
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw unreachable(base, cause);
    }
    if (response.ok) return response;
    throw await problemOf(response, base);
  }

  async function read<T>(schema: z.ZodType<T>, method: string, path: string, body?: unknown): Promise<T> {
    const response = await send(method, path, body);
    const parsed = schema.safeParse(await jsonOf(response, base));
    if (!parsed.success) throw notAGateway(base, z.prettifyError(parsed.error));
    return parsed.data;
  }

  const id = encodeURIComponent;
  const list = <T>(item: z.ZodType<T>, path: string) => read(z.array(item), "GET", path);

  return {
    url: base,
    health: (): Promise<HealthView> => read(healthView, "GET", "/health"),
    status: (): Promise<StatusView> => read(statusView, "GET", "/status"),
    /** The signed objects an agent would hold; verified by whoever reads them. */
    siteState: (): Promise<SiteStateView> => read(siteStateView, "GET", "/site-state"),

    trainings: (): Promise<TrainingView[]> => list(trainingView, "/trainings"),
    addTraining: (input: TrainingInput): Promise<TrainingView> => read(trainingView, "POST", "/trainings", input),

    people: (search?: string): Promise<PersonView[]> => list(personView, `/people${query({ search })}`),
    person: (person: string): Promise<PersonView> => read(personView, "GET", `/people/${id(person)}`),
    addPerson: (input: PersonInput): Promise<PersonView> => read(personView, "POST", "/people", input),
    trainingRecords: (person?: string): Promise<TrainingRecordView[]> =>
      list(trainingRecordView, `/training-records${query({ person })}`),
    addTrainingRecord: (input: TrainingRecordInput): Promise<TrainingRecordView> =>
      read(trainingRecordView, "POST", "/training-records", input),

    machines: (): Promise<MachineView[]> => list(machineView, "/machines"),
    addMachine: (input: MachineInput): Promise<MachineView> => read(machineView, "POST", "/machines", input),
    /** `policy` holds only the members that change. */
    changeMachine: (machine: string, policy: Readonly<Record<string, unknown>>): Promise<MachineView> =>
      read(machineView, "PATCH", `/machines/${id(machine)}`, policy),
    takeOutOfService: (machine: string, input: OutOfServiceInput): Promise<MachineView> =>
      read(machineView, "POST", `/machines/${id(machine)}/out-of-service`, input),
    release: (machine: string, reason: string): Promise<MachineView> =>
      read(machineView, "POST", `/machines/${id(machine)}/release`, { reason }),

    badges: (filter: { person?: string; state?: string } = {}): Promise<BadgeView[]> =>
      list(badgeView, `/badges${query(filter)}`),
    badge: (badge: string): Promise<BadgeView> => read(badgeView, "GET", `/badges/${id(badge)}`),
    issueBadge: (input: BadgeInput): Promise<BadgeView> => read(badgeView, "POST", "/badges", input),
    changeBadge: (badge: string, change: BadgeChange, reason: string): Promise<RevokeView> =>
      read(revokeView, "POST", `/badges/${id(badge)}/${change}`, { reason }),
    receipts: (badge: string): Promise<ReceiptsView> => read(receiptsView, "GET", `/badges/${id(badge)}/receipts`),
    writeBadge: (badge: string, input: { agent: string; seconds?: number; cardUid?: string }): Promise<JobView> =>
      read(jobView, "POST", `/badges/${id(badge)}/write`, input),

    readCard: (agent: string, seconds?: number): Promise<JobView> =>
      read(jobView, "POST", `/agents/${id(agent)}/read-card`, seconds === undefined ? {} : { seconds }),
    job: (job: string): Promise<JobView> => read(jobView, "GET", `/jobs/${id(job)}`),

    agents: (): Promise<AgentView[]> => list(agentView, "/agents"),
    invite: (agent: string, minutes?: number): Promise<InviteView> =>
      read(inviteView, "POST", "/agents/invite", { agent, ...(minutes !== undefined && { minutes }) }),

    log: (filter: LogQuery = {}): Promise<LogPage> => read(logPage, "GET", `/log${query(filter)}`),
    verifyLog: (): Promise<LogVerifyView> => read(logVerifyView, "GET", "/log/verify"),
    /** The whole log as one stream of CSV or JSON. */
    async exportLog(format: "csv" | "json", filter: LogQuery = {}): Promise<ReadableStream<Uint8Array>> {
      const response = await send("GET", `/log/export${query({ ...filter, format })}`, undefined, NEVER);
      if (!response.body) throw notAGateway(base, "an empty export");
      return response.body;
    },

    /**
     * What happens, as it happens, until `signal` or the gateway ends it. Events of kinds not known here are skipped.
     */
    async *events(signal: AbortSignal): AsyncGenerator<LiveEvent> {
      const response = await send("GET", "/events", undefined, signal);
      if (!response.body) throw notAGateway(base, "an empty event stream");
      for await (const { data } of readServerSentEvents(response.body)) {
        const parsed = liveEvent.safeParse(parseJson(data));
        if (parsed.success) yield parsed.data;
      }
    },
  };
}

const NEVER = new AbortController().signal;

function query(filter: Readonly<Record<string, string | number | undefined>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) if (value !== undefined) search.set(name, String(value));
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function jsonOf(response: Response, base: string): Promise<unknown> {
  const text = await response.text();
  const value = parseJson(text);
  if (value === undefined) throw notAGateway(base, "no JSON");
  return value;
}

async function problemOf(response: Response, base: string): Promise<Error> {
  const parsed = problemView.safeParse(parseJson(await response.text()));
  if (parsed.success) return ApiError.of(parsed.data);
  return notAGateway(base, `status ${response.status} without a reason`);
}

function notAGateway(base: string, what: string): UnreachableError {
  return new UnreachableError(
    `what answers at ${base} is no badgekey gateway of this version: ${what}`,
    "check the address (--url), or run the same version on both sides",
  );
}

/** The reason behind a failed fetch, in a sentence that says what to do. */
function unreachable(base: string, cause: unknown): UnreachableError {
  const code = codeOf(cause);
  if (code === "ECONNREFUSED") {
    return new UnreachableError(
      `no gateway answers at ${base}`,
      "start it with: badgekey-gateway run --config gateway.yaml (or the demo site with: npm start)",
      { cause },
    );
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return new UnreachableError(`the name in ${base} is not known`, "check the address given with --url", { cause });
  }
  if (cause instanceof Error && (cause.name === "TimeoutError" || code === "ETIMEDOUT")) {
    return new UnreachableError(`the gateway at ${base} did not answer in time`, "try again, or look at its log", {
      cause,
    });
  }
  if (code !== undefined && /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/.test(code)) {
    return new UnreachableError(
      `the certificate of ${base} is not trusted (${code})`,
      "give the site's CA with --ca FILE; the gateway keeps it in its data directory",
      { cause },
    );
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new UnreachableError(`the gateway at ${base} cannot be reached: ${code ?? reason}`, "check --url", { cause });
}

function codeOf(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if ("code" in at && typeof at.code === "string") return at.code;
    if (at instanceof AggregateError && at.errors.length > 0) return codeOf(at.errors[0]);
  }
  return undefined;
}
