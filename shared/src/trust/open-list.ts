import { sameBytes, toHex } from "../cbor/value.js";
import type { TrustCode } from "../codes.js";
import { type Verdict, no, yes } from "../verdict.js";
import { type DirectoryShard, openDirectoryShard } from "./directory.js";
import { type Policy, openPolicy } from "./policy.js";
import type { Root } from "./root.js";
import { objectTypes } from "./signed-object.js";
import { type StatusToken, openStatusList } from "./status-token.js";
import { type IssuerEntry, type TrustList, openTrustList } from "./trust-list.js";

/** A list whose signature holds and whose members were read. Nothing is said of whether it may come into force. */
export type OpenedList =
  | { readonly kind: "trust"; readonly list: TrustList }
  | { readonly kind: "policy"; readonly list: Policy }
  | { readonly kind: "status"; readonly issuer: string; readonly list: StatusToken }
  | { readonly kind: "directory"; readonly list: DirectoryShard };

/** What a list is opened with. Plain data: it may travel to another thread. */
export interface ListOpening {
  readonly site: Uint8Array;
  readonly root: Root;
  /** Of a status list or a directory: its issuer's entry, if the trust list in force has one. */
  readonly issuer?: IssuerEntry;
}

/**
 * Opens "trust", "policy", "status/<kid>" or "directory/…": the work that grows with the object (SPEC 5.3). Pure, and
 * the same in any thread. Without its issuer's entry a list is LIST_NOT_ANNOUNCED.
 */
export function openList(
  name: string,
  bytes: Uint8Array,
  { site, root, issuer }: ListOpening,
): Verdict<OpenedList, TrustCode> {
  if (name === "trust") return as("trust", openTrustList(bytes, root, site));
  if (name === "policy") return as("policy", openPolicy(bytes, root, site));
  const [kind, issuerId = ""] = name.split("/");
  const maxBytes = kind === "status" ? objectTypes.statusList.maxBytes : objectTypes.directory.maxBytes;
  if (bytes.length > maxBytes) return no("OBJECT_TOO_LARGE");
  if (!issuer) return no("LIST_NOT_ANNOUNCED", "its issuer is not in the trust list yet");
  if (kind !== "status") return as("directory", openDirectoryShard(bytes, issuer, site));
  const opened = openStatusList(bytes, issuer, site);
  return opened.ok ? yes({ kind: "status", issuer: issuerId, list: opened.value }) : opened;
}

/** True where opening the list of that name comes to the same with both. */
export function isSameOpening(name: string, a: ListOpening, b: ListOpening): boolean {
  if (!sameBytes(a.site, b.site)) return false;
  if (name === "trust") return a.root === b.root;
  if (name === "policy") return rolesOf(a.root, "policy") === rolesOf(b.root, "policy");
  if (!a.issuer || !b.issuer) return false;
  return (
    sameBytes(a.issuer.key, b.issuer.key) &&
    sameBytes(a.issuer.statusKey, b.issuer.statusKey) &&
    a.issuer.statusUri === b.issuer.statusUri
  );
}

function rolesOf({ roles }: Root, role: "policy"): string {
  return roles[role].keys.map(toHex).sort().join();
}

function as<K extends "trust" | "policy" | "directory", T>(
  kind: K,
  opened: Verdict<T, TrustCode>,
): Verdict<{ readonly kind: K; readonly list: T }, TrustCode> {
  return opened.ok ? yes({ kind, list: opened.value }) : opened;
}
