import { type Instant, agentTopic, decodeTimeQuery } from "@badgekey/shared";
import type { Logger } from "pino";
import type { Publication } from "./broker/broker.js";
import type { CardJobs } from "./commands/card-jobs.js";
import type { LiveEvents } from "./http/live-events.js";
import type { Agents } from "./machines/agents.js";
import type { Publisher } from "./site-state/publisher.js";
import type { Acknowledger } from "./usage/acknowledger.js";
import type { Ingest } from "./usage/ingest.js";
import { entryOf } from "./usage/log.js";
import type { CommittedBatch, NewRow, UsageJournal } from "./usage/ports.js";

export interface TrafficDeps {
  /** SHA-256 of root version 1. */
  readonly site: Uint8Array;
  readonly agents: Agents;
  readonly ingest: Ingest;
  readonly journal: UsageJournal;
  readonly acknowledger: Acknowledger;
  readonly publisher: Publisher;
  readonly jobs: CardJobs;
  readonly events: LiveEvents;
  readonly nameOf: (pseudonym: string) => Promise<string | null>;
  readonly send: (topic: string, payload: Uint8Array) => void;
  readonly clock: () => Instant;
  readonly log: Logger;
}

/** What agents send, each packet to the use case it is for. Resolves when it may be acknowledged. */
export function handlePublication({ agent, topic, payload }: Publication, deps: TrafficDeps): Promise<void> {
  deps.agents.seen(agent);
  switch (topic) {
    case "usage":
      return deps.ingest.take(agent, payload);
    case "report":
      return takeReport(agent, Uint8Array.from(payload), deps);
    case "time-query":
      answerTime(agent, payload, deps);
      return Promise.resolve();
  }
}

async function takeReport(agent: string, bytes: Uint8Array, deps: TrafficDeps): Promise<void> {
  const report = await deps.agents.report(agent, bytes);
  if (!report) return;
  const head = await deps.journal.head(agent);
  if (!head) return;
  const settled = head.pending > 0 ? await deps.journal.settleGap(agent, report.journal, deps.clock()) : undefined;
  if (settled) deps.log.warn({ agent }, "records of this agent are lost: its chain goes on behind the gap");
  // An acknowledgement that got lost is said again as long as the agent holds rows.
  if (settled || report.journal.pending > 0) deps.acknowledger.note(agent, settled ?? head);
}

function answerTime(agent: string, payload: Uint8Array, { site, publisher, send, log }: TrafficDeps): void {
  const nonce = decodeTimeQuery(payload);
  const answer = nonce && publisher.answerTime(agent, nonce);
  if (answer) send(agentTopic(site, agent, "time-answer"), answer);
  else log.warn({ agent, sound: publisher.clockIsSound() }, "a question for the time was not answered");
}

/** After a commit: acknowledgements, the log as it grows, card jobs, alarms. Nothing here can undo the commit. */
export function handleCommitted(batch: CommittedBatch, deps: TrafficDeps): void {
  for (const { agent, ...head } of batch.heads) deps.acknowledger.note(agent, head);
  for (const finding of batch.findings) deps.log.warn(finding, "a finding in an agent's usage records");
  if (batch.rows.length > 0) {
    afterCommit(batch.rows, deps).catch((error: unknown) => {
      deps.log.error({ err: error }, "what follows from usage records could not be done");
    });
  }
}

async function afterCommit(rows: readonly NewRow[], deps: TrafficDeps): Promise<void> {
  const receivedAt = deps.clock();
  for (const { agent, boot, sequence, record } of rows) {
    if (record.job !== undefined) await deps.jobs.take(agent, record);
    if (deps.events.listeners === 0) continue;
    const personName = record.holder === undefined ? null : await deps.nameOf(record.holder);
    deps.events.announce({ kind: "usage", row: entryOf({ agent, boot, sequence, receivedAt, personName }, record) });
  }
}
