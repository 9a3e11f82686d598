import { sameBytes } from "../cbor/value.js";
import type { OpenedList } from "./open-list.js";
import type { SiteState } from "./site-state.js";
import type { TrustList } from "./trust-list.js";

/** The state with an opened list in force. */
export function withList(state: SiteState, name: string, opened: OpenedList): SiteState {
  switch (opened.kind) {
    case "trust":
      return withoutForeignLists({ ...state, trust: opened.list }, state.trust);
    case "policy":
      return { ...state, policy: opened.list };
    case "status":
      return { ...state, status: new Map(state.status).set(opened.issuer, opened.list) };
    case "directory":
      return { ...state, directory: new Map(state.directory).set(name, opened.list) };
  }
}

/** The state without an object, and without what only counted by its word. */
export function without(state: SiteState, name: "heartbeat" | "trust" | "policy"): SiteState {
  const applied = new Map(state.applied);
  applied.delete(name);
  const next: { -readonly [K in keyof SiteState]: SiteState[K] } = { ...state, applied };
  // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- three known optional members
  delete next[name];
  return name === "trust" ? withoutForeignLists(next, state.trust) : next;
}

/**
 * A list counts only for the issuer whose entry names its key and URI: the others go with the entry, or with its old
 * key.
 */
function withoutForeignLists(state: SiteState, previous: TrustList | undefined): SiteState {
  const status = new Map(
    [...state.status].filter(([id, token]) => {
      const now = state.trust?.issuers.get(id);
      const then = previous?.issuers.get(id);
      return now && then && now.statusUri === token.uri && sameBytes(now.statusKey, then.statusKey);
    }),
  );
  const directory = new Map(
    [...state.directory].filter(([name]) => state.trust?.issuers.has(name.split("/")[1] ?? "")),
  );
  const applied = new Map(
    [...state.applied].filter(([name]) => {
      const [kind, id = ""] = name.split("/");
      return kind === "status" ? status.has(id) : kind === "directory" ? directory.has(name) : true;
    }),
  );
  return { ...state, status, directory, applied };
}

/** Names no longer in force. */
export function vanished(before: SiteState, after: SiteState): string[] {
  return [...before.applied.keys()].filter((name) => !after.applied.has(name));
}
