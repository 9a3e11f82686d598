import type { Instant, Lockout, MachinePolicy } from "@badgekey/shared";

export interface Machine {
  readonly id: string;
  readonly agent: string;
  readonly policy: MachinePolicy;
}

export interface MachineStore {
  machines(): Promise<readonly Machine[]>;
  /** False where the id is taken. */
  addMachine(machine: Machine, createdAt: Instant): Promise<boolean>;
  saveMachine(machine: Machine): Promise<void>;
  lockouts(): Promise<ReadonlyMap<string, Lockout>>;
  setLockout(machine: string, lockout: Lockout): Promise<void>;
  /** False where it was not out of service. */
  clearLockout(machine: string, by: string, reason: string, at: Instant): Promise<boolean>;
}

/** What is known of an agent between its reports. */
export interface Agent {
  readonly id: string;
  /** 32-byte Ed25519 key that signs its reports; null before enrolment. */
  readonly key: Uint8Array | null;
  readonly certificateSerial: string | null;
  readonly certificateEndsAt: Instant | null;
  readonly lastSeenAt: Instant | null;
  /** Publishes that it may not make. */
  readonly quarantined: number;
  /** Its newest signed report, as received. */
  readonly report: Uint8Array | null;
  readonly reportAt: Instant | null;
}

export interface AgentStore {
  agents(): Promise<readonly Agent[]>;
  /** Makes sure the agent is known; changes nothing where it is. */
  addAgent(id: string): Promise<void>;
  saveReport(id: string, report: Uint8Array, at: Instant): Promise<void>;
  saveSeen(id: string, at: Instant, quarantined: number): Promise<void>;
}

export interface FindingStore {
  addFinding(finding: {
    readonly at: Instant;
    readonly code: string;
    readonly agent: string | null;
    readonly detail: string;
    readonly bytes?: Uint8Array;
  }): Promise<void>;
  /** Newest first. */
  findings(
    limit: number,
  ): Promise<
    readonly { readonly at: Instant; readonly code: string; readonly agent: string | null; readonly detail: string }[]
  >;
}
