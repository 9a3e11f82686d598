import type { Instant, Lockout, MachinePolicy, PolicyMachine, Training } from "@badgekey/shared";

/** A signed object in its newest version. */
export interface StoredObject {
  /** "heartbeat", "trust", "policy", "status/<kid>". */
  readonly name: string;
  readonly version: number;
  readonly bytes: Uint8Array;
  /** SHA-256 of `bytes`. */
  readonly hash: Uint8Array;
  readonly issuedAt: Instant;
  readonly expiresAt: Instant;
}

/** What the lists are made of, read when one is signed. */
export interface SiteContent {
  trainings(): Promise<ReadonlyMap<number, Training>>;
  machines(): Promise<ReadonlyMap<string, PolicyMachine & { readonly policy: MachinePolicy }>>;
  lockouts(): Promise<ReadonlyMap<string, Lockout>>;
  /** The issuer's statuses at this moment, and the badges whose change they are the first to hold. */
  statuses(): StatusSnapshot;
}

export interface StatusSnapshot {
  /** 2 bits a status, at full capacity; not changed afterwards. */
  readonly packed: Uint8Array;
  readonly badges: readonly string[];
  /** Where the list could not be stored: the badges count as changed again. */
  putBack(): void;
}

export interface ObjectStore {
  all(): Promise<readonly StoredObject[]>;
  /** One transaction: the objects, and for each of the badges the status list version that first holds its change. */
  save(
    objects: readonly StoredObject[],
    holds?: { readonly version: number; readonly badges: readonly string[] },
  ): Promise<void>;
}

/** Hands an object to every subscriber, now and later; an object's name gives the topic. */
export type SendObject = (name: string, bytes: Uint8Array) => void;
