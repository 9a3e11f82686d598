import {
  type AgentView,
  type BadgeView,
  type Instant,
  type JobView,
  type Lockout,
  type MachineView,
  type PersonView,
  type ReceiptsView,
  type TrainingRecordView,
  fromHex,
  policyProblems,
  statusName,
  toHex,
} from "@badgekey/shared";
import type { CardJob } from "../commands/ports.js";
import type { Badge } from "../issuing/ports.js";
import type { AgentState, Agents } from "../machines/agents.js";
import type { Machine } from "../machines/ports.js";
import type { Person, SiteTraining, TrainingRecord } from "../people/ports.js";

/** From domain words to the API's: instants become ISO texts, bytes hex, what is absent is left out or null. */

export function isoTime(at: Instant): string {
  return new Date(at).toISOString();
}

function isoOrNull(at: Instant | null): string | null {
  return at === null ? null : isoTime(at);
}

export function personView({ id, name, email, campusId }: Person): PersonView {
  return { id, name, ...(email !== null && { email }), ...(campusId !== null && { campusId }) };
}

export function recordView(record: TrainingRecord, trainings: readonly SiteTraining[]): TrainingRecordView {
  return { ...record, training: slugOf(record.training, trainings), endsAt: isoTime(record.endsAt) };
}

export function machineView(
  { id, agent, policy }: Machine,
  { lockout, now }: { readonly lockout?: Lockout | undefined; readonly now: Instant },
): MachineView {
  return {
    id,
    agent,
    policy,
    outOfService: lockout ? { ...lockout, at: isoTime(lockout.at) } : null,
    problems: [...policyProblems(policy, now)],
  };
}

export function badgeView(
  badge: Badge,
  personName: string,
  trainings: readonly SiteTraining[],
  now: Instant,
): BadgeView {
  const lives = badge.state === "valid" || badge.state === "suspended" || badge.state === "awaitingCard";
  return {
    id: badge.id,
    person: badge.person,
    personName,
    state: lives && badge.expiresAt <= now ? "expired" : badge.state,
    pseudonym: badge.pseudonym,
    issuerKeyId: badge.issuer,
    statusIndex: badge.statusIndex,
    grants: badge.grants.map(({ training, level, endsAt }) => ({
      training: slugOf(training, trainings),
      number: training,
      level,
      endsAt: isoTime(endsAt),
    })),
    issuedAt: isoOrNull(badge.issuedAt),
    expiresAt: isoTime(badge.expiresAt),
    cardUid: badge.cardUid,
    bytes: badge.bytes && toHex(badge.bytes),
    reason: badge.reason,
  };
}

/** Who has applied the list that holds the badge's newest change. */
export function receiptsView(badge: Badge, agents: Agents, version: number): ReceiptsView {
  const object = statusName(fromHex(badge.issuer));
  const { seenBy, missing } = agents.receipts(object, version);
  return {
    object,
    version,
    seenBy,
    missing: missing.map(({ agent, lastSeenAt }) => ({ agent, lastSeenAt: isoOrNull(lastSeenAt) })),
  };
}

export function jobView({ id, kind, agent, badge, state, cardUid, code, detail }: CardJob): JobView {
  return { id, kind, agent, badge, state, cardUid, code, detail };
}

export function agentView(agent: AgentState, machines: readonly Machine[]): AgentView {
  const { opened, reportAt } = agent;
  return {
    id: agent.id,
    machines: machines.filter((machine) => machine.agent === agent.id).map(({ id }) => id),
    enrolled: agent.key !== null,
    fingerprint: agent.fingerprint,
    connected: agent.connected,
    lastSeenAt: isoOrNull(agent.lastSeenAt),
    report: opened && {
      at: isoTime(reportAt ?? opened.at),
      clock: opened.clock,
      state: opened.state,
      faults: [...opened.faults],
      heartbeatVersion: opened.heartbeatVersion,
      pendingRecords: opened.journal.pending,
      applied: Object.fromEntries([...opened.applied].map(([name, { version }]) => [name, version])),
      software: opened.software,
    },
    quarantined: agent.quarantined,
    certificateEndsAt: isoOrNull(agent.certificateEndsAt),
  };
}

function slugOf(number: number, trainings: readonly SiteTraining[]): string {
  return trainings.find((training) => training.number === number)?.slug ?? String(number);
}
