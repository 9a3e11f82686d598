import type { CommandAction, Instant } from "@badgekey/shared";

export interface CommandStore {
  /** Commits and returns the agent's next number: it is taken even if nothing is sent with it. */
  nextNumber(agent: string, kind: CommandAction["kind"], issuedAt: Instant, expiresAt: Instant): Promise<number>;
}

export type JobState = "waitingForCard" | "writing" | "done" | "failed";

export interface CardJob {
  readonly id: string;
  readonly kind: "writeCard" | "readCard";
  readonly agent: string;
  readonly badge: string | null;
  readonly state: JobState;
  /** Hex. */
  readonly cardUid: string | null;
  readonly code: string | null;
  readonly detail: string | null;
  readonly createdAt: Instant;
  readonly expiresAt: Instant;
}

export interface JobStore {
  job(id: string): Promise<CardJob | undefined>;
  addJob(job: CardJob): Promise<void>;
  saveJob(job: CardJob): Promise<void>;
  /** Jobs neither done nor failed. */
  openJobs(): Promise<readonly CardJob[]>;
}
