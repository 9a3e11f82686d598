import type { Instant } from "@badgekey/shared";

export interface EnrolmentStore {
  addInvite(secretHash: Uint8Array, agent: string, createdAt: Instant, expiresAt: Instant): Promise<void>;
  /**
   * One transaction: the invite is used up, and the agent has this key and certificate. False where the invite is
   * unknown, used, expired or another agent's.
   */
  enrol(
    secretHash: Uint8Array,
    agent: {
      readonly id: string;
      readonly key: Uint8Array;
      readonly certificateSerial: string;
      readonly certificateEndsAt: Instant;
    },
    now: Instant,
  ): Promise<boolean>;
  /** Whether the invite could still be used. */
  isOpen(secretHash: Uint8Array, agent: string, now: Instant): Promise<boolean>;
}
