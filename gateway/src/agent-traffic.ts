import { type Instant, agentTopic, decodeTimeQuery } from "@badgekey/shared";
import type { Logger } from "pino";
import type { Publication } from "./broker/broker.js";
import type { CardJobs } from "./commands/card-jobs.js";
import type { Agents } from "./machines/agents.js";
import type { Publisher } from "./site-state/publisher.js";
import type { Acknowledger } from "./usage/acknowledger.js";
import type { Ingest } from "./usage/ingest.js";
import type { LiveLog } from "./usage/live-log.js";
import type { CommittedBatch, UsageJournal } from "./usage/ports.js";

export interface TrafficDeps {
  /** SHA-256 of root version 1. */
  readonly site: Uint8Array;
  readonly agents: Agents;
  readonly ingest: Ingest;
  readonly journal: UsageJournal;
  readonly acknowledger: Acknowledger;
  readonly publisher: Publisher;
  readonly jobs: CardJobs;
  readonly liveLog: LiveLog;
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

/** After a commit: acknowledgements, alarms, card jobs, the log as it grows. Nothing here can undo the commit. */
export function handleCommitted(batch: CommittedBatch, deps: TrafficDeps): void {
  const { acknowledger, jobs, liveLog, log, clock } = deps;
  for (const { agent, ...head } of batch.heads) acknowledger.note(agent, head);
  for (const finding of batch.findings) log.warn(finding, "a finding in an agent's usage records");
  const failed = (error: unknown): void => {
    log.error({ err: error }, "what follows from usage records could not be done");
  };
  for (const { agent, record } of batch.rows) {
    if (record.job !== undefined) jobs.take(agent, record).catch(failed);
  }
  if (batch.rows.length > 0) liveLog.show(batch.rows, clock()).catch(failed);
}
