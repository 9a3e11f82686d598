/** The two agents of the guest: one by the character device, under the unit as it is, and one by sysfs. */
export const MACHINES = ["laser-1", "saw-1"] as const;
export type MachineId = (typeof MACHINES)[number];

export const PINS = {
  "laser-1": { relay: 17, problemButton: 22 },
  "saw-1": { relay: 27, problemButton: 23 },
} as const satisfies Record<MachineId, object>;

export const DRIVERS = { "laser-1": "chardev", "saw-1": "sysfs" } as const satisfies Record<MachineId, string>;

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
  /** Opens both machines. */
  readonly trained: CardData;
  /** Hold a badge without the training: each one's refusal is a record of its own. */
  readonly strangers: readonly CardData[];
}
