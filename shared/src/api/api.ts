import { z } from "zod";
import { machinePolicySchema } from "../trust/machine-policy.js";
import { AGENT_ID } from "../topics.js";

/**
 * The gateway's HTTP API, version 1, below /api/v1 (SPEC 10.2): one schema a body, used by the gateway to check and by
 * the console and CLI to type. Instants are ISO 8601 texts here, bytes are hex. Errors are RFC 9457 problems with
 * `code`.
 */
const id = z.string().regex(AGENT_ID, "use 1 to 32 of a-z, 0-9 and inner hyphens");
const hex = z.string().regex(/^(?:[0-9a-f]{2})*$/, "use hexadecimal digits, lower case");
const instant = z.iso.datetime();
const level = z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4)]);

export const trainingInput = z.strictObject({
  /** The site's number; the next free one unless given. Below 24 keeps badges small. */
  number: z.int().min(0).max(65_535).optional(),
  slug: id,
  name: z.string().min(1).max(128),
  url: z.url().max(256).or(z.literal("")).default(""),
  validDays: z.int().min(1).max(3650).default(365),
});
export const trainingView = trainingInput.required({ number: true });
export type TrainingInput = z.input<typeof trainingInput>;
export type TrainingView = z.output<typeof trainingView>;

export const personInput = z.strictObject({
  name: z.string().min(1).max(128),
  email: z.email().max(256).optional(),
  campusId: z.string().max(64).optional(),
});
export const personView = personInput.extend({ id: z.string() });
export type PersonInput = z.input<typeof personInput>;
export type PersonView = z.output<typeof personView>;

/** A training held: what badges are issued from; it outlives them. */
export const trainingRecordInput = z.strictObject({
  person: z.string(),
  /** Slug or number. */
  training: z.union([z.string(), z.int()]),
  level: level.default(2),
  heldOn: z.iso.date().optional(),
  endsAt: instant.optional(),
  trainer: z.string().max(128).optional(),
  evidence: z.string().max(512).optional(),
});
export const trainingRecordView = z.object({
  id: z.string(),
  person: z.string(),
  training: z.string(),
  level,
  heldOn: z.string(),
  endsAt: instant,
  trainer: z.string().nullable(),
  evidence: z.string().nullable(),
});
export type TrainingRecordInput = z.input<typeof trainingRecordInput>;
export type TrainingRecordView = z.output<typeof trainingRecordView>;

export const machineInput = z.strictObject({
  id,
  /** The agent that guards it; the machine's own id unless given. */
  agent: id.optional(),
  preset: z.enum(["3d-printer", "laser", "saw", "bench-tool", "cabinet"]).optional(),
  /** Merged over the preset; training numbers or, in `requires`, slugs. */
  policy: z.record(z.string(), z.unknown()).default({}),
  name: z.string().min(1).max(64),
  /** Short form of policy.requires: grants that must all be held. */
  requires: z.array(z.strictObject({ training: z.union([z.string(), z.int()]), level: level.default(2) })).optional(),
});
/**
 * Members of a policy to change, as in `machineInput.policy` (null: back to the default); `agent` moves the machine to
 * another agent, and `requires` may be the short form.
 */
export const machineChange = z.record(z.string(), z.unknown());
export const machineView = z.object({
  id,
  agent: id,
  policy: machinePolicySchema,
  outOfService: z.object({ reason: z.string(), by: z.string(), at: instant }).nullable(),
  /** What contradicts itself in the policy, or will not do what was meant; `path` is a member of it, joined by dots. */
  problems: z.array(z.object({ path: z.string(), message: z.string(), severity: z.enum(["error", "warning"]) })),
});
export type MachineInput = z.input<typeof machineInput>;
export type MachineView = z.output<typeof machineView>;

export const badgeInput = z.strictObject({
  person: z.string(),
  /** Grants to put in; all live training records of the person unless given (a record is added for what is new). */
  grants: z
    .array(
      z.strictObject({ training: z.union([z.string(), z.int()]), level: level.default(2), endsAt: instant.optional() }),
    )
    .min(1)
    .max(24)
    .optional(),
  /** Binds it to this card and signs at once. */
  cardUid: hex.optional(),
  /** Signs at once, bound to nothing (assurance 1). */
  unbound: z.boolean().default(false),
  expiresAt: instant.optional(),
});
/** awaitingCard: signed when it is written, because the card's UID stands in it. */
export const badgeStates = ["awaitingCard", "valid", "suspended", "superseded", "revoked", "expired"] as const;
export const badgeView = z.object({
  id: z.string(),
  person: z.string(),
  personName: z.string(),
  state: z.enum(badgeStates),
  pseudonym: z.string().nullable(),
  issuerKeyId: hex,
  statusIndex: z.int(),
  grants: z.array(z.object({ training: z.string(), number: z.int(), level, endsAt: instant })),
  issuedAt: instant.nullable(),
  expiresAt: instant,
  cardUid: hex.nullable(),
  /** The badge itself, once signed. */
  bytes: hex.nullable(),
  reason: z.string().nullable(),
});
export type BadgeInput = z.input<typeof badgeInput>;
export type BadgeView = z.output<typeof badgeView>;

export const reasonInput = z.strictObject({ reason: z.string().min(1).max(200) });

/** Which agents have applied the list that holds a change: "seen by 11 of 12". */
export const receiptsView = z.object({
  object: z.string(),
  version: z.int(),
  seenBy: z.array(id),
  missing: z.array(z.object({ agent: id, lastSeenAt: instant.nullable() })),
});
export type ReceiptsView = z.output<typeof receiptsView>;

export const revokeView = z.object({ badge: badgeView, statusVersion: z.int(), receipts: receiptsView });

export const writeInput = z.strictObject({
  agent: id,
  seconds: z.int().min(1).max(300).default(60),
  cardUid: hex.optional(),
});
export const readCardInput = z.strictObject({ seconds: z.int().min(1).max(300).default(60) });
/** How long the agent's screen shows which one it is. */
export const identifyInput = z.strictObject({ seconds: z.int().min(1).max(60).default(10) });
/** A card job on an agent's reader: waits for the next card, then reads or writes it. */
export const jobView = z.object({
  id: z.string(),
  kind: z.enum(["writeCard", "readCard"]),
  agent: id,
  badge: z.string().nullable(),
  state: z.enum(["waitingForCard", "writing", "done", "failed"]),
  cardUid: hex.nullable(),
  code: z.string().nullable(),
  detail: z.string().nullable(),
});
export type JobView = z.output<typeof jobView>;

export const outOfServiceInput = z.strictObject({
  when: z.enum(["whenFree", "now"]).default("whenFree"),
  reason: z.string().min(1).max(200),
});

export const inviteInput = z.strictObject({ agent: id, minutes: z.int().min(1).max(15).default(15) });
/** `line` is pasted on the Pi; it is shown once. */
export const inviteView = z.object({ agent: id, line: z.string(), expiresAt: instant });
export type InviteView = z.output<typeof inviteView>;

export const agentView = z.object({
  id,
  machines: z.array(id),
  enrolled: z.boolean(),
  /** SHA-256 of its signing key, first 8 bytes: the same as its own screen shows. */
  fingerprint: hex.nullable(),
  connected: z.boolean(),
  lastSeenAt: instant.nullable(),
  report: z
    .object({
      at: instant,
      clock: z.enum(["untrusted", "holdover", "synced"]),
      state: z.string(),
      faults: z.array(z.string()),
      heartbeatVersion: z.int(),
      pendingRecords: z.int(),
      applied: z.record(z.string(), z.int()),
      software: z.string(),
    })
    .nullable(),
  quarantined: z.int(),
  certificateEndsAt: instant.nullable(),
});
export type AgentView = z.output<typeof agentView>;

/** One row of the usage log as people and programs read it. */
export const logView = z.object({
  agent: id,
  boot: z.int(),
  sequence: z.int(),
  receivedAt: instant,
  at: instant,
  clock: z.string(),
  kind: z.string(),
  machine: z.string(),
  personName: z.string().nullable(),
  holder: z.string().nullable(),
  session: hex.nullable(),
  code: z.string().nullable(),
  reason: z.string().nullable(),
  durationMs: z.int().nullable(),
  decisionUs: z.int().nullable(),
  assurance: z.int().nullable(),
  grants: z.array(z.object({ training: z.int(), level: z.int() })).nullable(),
  by: z.string().nullable(),
});
export type LogView = z.output<typeof logView>;
export const logPage = z.object({ rows: z.array(logView), next: z.string().nullable() });
export const logQuery = z.strictObject({
  machine: id.optional(),
  agent: id.optional(),
  person: z.string().optional(),
  kind: z.string().optional(),
  code: z.string().optional(),
  since: instant.optional(),
  until: instant.optional(),
  after: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

export const logProblem = z.object({
  agent: id,
  kind: z.enum(["gap", "altered", "fork", "malformed"]),
  boot: z.int(),
  sequence: z.int(),
  detail: z.string(),
});
export const logVerifyView = z.object({ rows: z.int(), agents: z.int(), problems: z.array(logProblem) });

export const statusView = z.object({
  site: hex,
  siteName: z.string(),
  version: z.string(),
  heartbeatVersion: z.int(),
  heartbeatAt: instant,
  counts: z.object({ people: z.int(), badges: z.int(), machines: z.int(), agents: z.int(), records: z.int() }),
  agents: z.array(agentView),
  /** What needs a person, soonest first: ends of keys and lists. */
  deadlines: z.array(z.object({ what: z.string(), at: instant })),
  alarms: z.array(z.object({ at: instant, code: z.string(), agent: z.string().nullable(), detail: z.string() })),
});
export type StatusView = z.output<typeof statusView>;

/** The one answer without a token but for enrolment: that a gateway of this version is there. */
export const healthView = z.object({ ok: z.literal(true), version: z.string(), site: hex });
export type HealthView = z.output<typeof healthView>;

/**
 * Signed objects in the order in which a trust client takes them: "root/1" …, "heartbeat", "trust", "policy",
 * "status/…".
 */
export const siteStateView = z.object({ objects: z.array(z.object({ name: z.string(), bytes: hex })) });
export type SiteStateView = z.output<typeof siteStateView>;

/** Enrolment, the one part without a token: the invite's secret stands for it. */
export const enrolInput = z.strictObject({
  agent: id,
  secret: hex.length(32),
  /** PKCS #10, PEM. */
  certificateRequest: z.string().max(4096),
  /** The agent's Ed25519 public key that will sign its reports. */
  agentKey: hex.length(64),
});
export const enrolView = z.object({
  certificate: z.string(),
  ca: z.string(),
  /** Every root from version 1 on, hex. */
  roots: z.array(hex),
  broker: z.object({ host: z.string(), port: z.int() }),
  machines: z.array(id),
});
export type EnrolInput = z.input<typeof enrolInput>;
export type EnrolView = z.output<typeof enrolView>;

/** RFC 9457. */
export const problemView = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string(),
  hint: z.string().optional(),
});
export type ProblemView = z.output<typeof problemView>;

/** Server-sent events of GET /api/v1/events: one of these a message, `event:` holds the kind. */
export type LiveEvent =
  | { readonly kind: "usage"; readonly row: LogView }
  | { readonly kind: "agent"; readonly agent: AgentView }
  | { readonly kind: "job"; readonly job: JobView }
  | { readonly kind: "badge"; readonly badge: BadgeView };
