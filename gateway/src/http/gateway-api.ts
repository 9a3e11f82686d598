import type { CommandAction, Instant } from "@badgekey/shared";
import type { CardJobs } from "../commands/card-jobs.js";
import type { EnrolmentDeps } from "../enrolment/enrol.js";
import type { ChangeDeps } from "../issuing/change-badge.js";
import type { IssuingDeps } from "../issuing/issue-badge.js";
import type { Agents } from "../machines/agents.js";
import type { MachinesDeps } from "../machines/machines.js";
import type { FindingStore } from "../machines/ports.js";
import type { PeopleDeps } from "../people/people.js";
import type { TrainingsDeps } from "../people/trainings.js";
import type { Publisher } from "../site-state/publisher.js";
import type { Site } from "../site-state/site.js";
import type { LogStore } from "../usage/log.js";
import type { VerifyStore } from "../usage/verify-log.js";
import type { LiveEvents } from "./live-events.js";

/** What the routes are given: the use cases' dependencies, wired by gateway.ts. */
export interface GatewayApi {
  readonly site: Site;
  readonly siteName: string;
  readonly version: string;
  readonly clock: () => Instant;
  readonly people: PeopleDeps;
  readonly trainings: TrainingsDeps;
  readonly machines: MachinesDeps;
  readonly issuing: IssuingDeps;
  readonly changes: ChangeDeps;
  readonly jobs: CardJobs;
  readonly command: (agent: string, action: CommandAction) => Promise<number>;
  readonly agents: Agents;
  readonly findings: FindingStore;
  readonly enrolment: EnrolmentDeps;
  /** After an agent has enrolled: its key goes into the policy, an old connection ends. */
  readonly enrolled: (agent: string) => Promise<void>;
  readonly broker: () => { readonly host: string; readonly port: number };
  readonly log: LogStore & VerifyStore;
  readonly publisher: Publisher;
  readonly events: LiveEvents;
  /** Ends of keys and certificates that need a person. */
  readonly deadlines: () => readonly { readonly what: string; readonly at: Instant }[];
}

/** Until people have accounts, whoever has the token acts under this name. */
export const OPERATOR = "admin";
