import type { StatusToken } from "./status-token.js";
import type { DirectoryShard } from "./directory.js";
import type { Announced, Heartbeat } from "./heartbeat.js";
import type { Policy } from "./policy.js";
import type { Root } from "./root.js";
import type { TrustList } from "./trust-list.js";

/**
 * What an agent believes, offline: every member was opened from signed bytes (SPEC 5). Immutable; the client makes new
 * ones.
 */
export interface SiteState {
  /** SHA-256 of root version 1. */
  readonly site: Uint8Array;
  readonly root: Root;
  readonly trust?: TrustList;
  readonly policy?: Policy;
  readonly heartbeat?: Heartbeat;
  /** By the issuer's kid in hex. */
  readonly status: ReadonlyMap<string, StatusToken>;
  /** By object name. */
  readonly directory: ReadonlyMap<string, DirectoryShard>;
  /** Version and hash of every object in force, by object name. */
  readonly applied: ReadonlyMap<string, Announced>;
}

/** The part of the site state a badge is judged by. */
export type BadgeTrust = Pick<SiteState, "trust" | "status">;
