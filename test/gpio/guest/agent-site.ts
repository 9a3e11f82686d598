/** The whole agent of the guest: by sysfs, where a dead process leaves its pins as they were. */
export const AGENT = "saw-1";
export const PINS = { relay: 27, problemButton: 23 } as const;

/** Where the disk is mounted: the unit's own state folder is below it. */
export const DATA = "/var/lib/badgekey-agent";

interface CardData {
  /** Both hex. */
  readonly uid: string;
  readonly badge: string;
}

/** cards.json on the disk. */
export interface AgentCards {
  readonly site: string;
  /** Opens the machine. */
  readonly trained: CardData;
  /** Puts it into service again. */
  readonly steward: CardData;
  /** Hold a badge without the training: each one's refusal is a record of its own. */
  readonly strangers: readonly CardData[];
}
