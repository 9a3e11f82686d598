import { sha256 } from "#crypto";
import { sameBytes, toHex } from "../cbor/value.js";
import type { TrustCode } from "../codes.js";
import type { Instant, Verdict } from "../verdict.js";
import { no, yes } from "../verdict.js";
import { type Announced, OBJECT_NAME, openHeartbeat, openTimeAnswer } from "./heartbeat.js";
import { type ListOpening, type OpenedList, isSameOpening, openList } from "./open-list.js";
import { type Role, type Root, openRoot, siteOf } from "./root.js";
import type { SiteState } from "./site-state.js";
import { vanished, withList, without } from "./site-state-changes.js";
import { objectTypes } from "./signed-object.js";
import {
  MOST_ADVANCE_MS,
  MOST_STEP_BACK_MS,
  type TrustedClock,
  clockAtBoot,
  floorNow,
  raiseFloor,
  synced,
  trustedNow,
} from "./trusted-time.js";

/** What came of an offer: accepted objects to persist in this order, or a code. "waiting" is neither good nor bad. */
export interface Offer {
  readonly accepted: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** Names no longer in force: their cached bytes are to be removed. */
  readonly removed: readonly string[];
  readonly outcome: "accepted" | "repeated" | "waiting" | TrustCode;
  readonly detail?: string;
}

interface Noted {
  readonly opening: ListOpening;
  readonly verdict: Verdict<OpenedList, TrustCode>;
  readonly hash: Uint8Array;
}

type Apply = Verdict<SiteState | "repeated", TrustCode>;

const MOST_WAITING_BYTES = 4 * 1024 * 1024;
/** Twice what a heartbeat can announce: each costs memory and a look at every change, however small it is. */
const MOST_WAITING = 1024;
const NONCE_VALID_MS = 10_000;
const NONE = { accepted: [], removed: [] } as const;

/**
 * The client workflow of The Update Framework over our objects (SPEC 5), without any I/O: bytes and monotonic time in,
 * verdicts and a new `state` out. Whoever calls it persists what was accepted.
 */
export class TrustClient {
  #state: SiteState;
  #clock: TrustedClock;
  /** Newest bytes by name that the heartbeat in force does not announce yet. Bounded. */
  readonly #waiting = new Map<string, Uint8Array>();
  /** What came of bytes that were opened elsewhere, as long as they are held. */
  readonly #noted = new WeakMap<Uint8Array, Noted>();
  #opensLists = true;
  #question: { readonly nonce: Uint8Array; readonly askedMs: number } | undefined;
  /** A time answer for a heartbeat not held yet: it refreshes once that heartbeat arrives. */
  #answered: { readonly at: Instant; readonly heartbeatVersion: number } | undefined;

  private constructor(
    state: SiteState,
    clock: TrustedClock,
    readonly agent: string,
  ) {
    this.#state = state;
    this.#clock = clock;
  }

  /**
   * Starts from root version 1, trusted because its hash came by another way (an invite); `clock` as persisted, if it
   * was.
   */
  static start(
    firstRoot: Uint8Array,
    expected: { site: Uint8Array; agent: string; clock?: TrustedClock; monotonicMs: number },
  ): Verdict<TrustClient, TrustCode> {
    const site = siteOf(firstRoot);
    if (!sameBytes(site, expected.site)) return no("OBJECT_WRONG_SITE", "the root's hash is not the site's");
    const opened = openRoot(firstRoot, "self");
    if (!opened.ok) return opened;
    if (opened.value.version !== 1) return no("ROOT_VERSION_SKIPPED", "a site begins with root version 1");
    const applied = new Map([["root", { version: 1, hash: site }]]);
    const state: SiteState = { site, root: opened.value, status: new Map(), directory: new Map(), applied };
    const clock = expected.clock ?? clockAtBoot(opened.value.issuedAt, 0, expected.monotonicMs);
    return yes(new TrustClient(state, raiseFloor(clock, opened.value.issuedAt, expected.monotonicMs), expected.agent));
  }

  get state(): SiteState {
    return this.#state;
  }

  get clock(): TrustedClock {
    return this.#clock;
  }

  /** Replaces the clock, e.g. after a battery clock was read at start. */
  setClock(clock: TrustedClock): void {
    this.#clock = clock;
  }

  now(monotonicMs: number): Instant {
    return trustedNow(this.#clock, monotonicMs);
  }

  /** What must be persisted of the time: the newest signed one, and powered-on time since (SAFETY R15, R17). */
  floor(monotonicMs: number): Instant {
    return floorNow(this.#clock, monotonicMs);
  }

  /**
   * Loads objects from the agent's own cache, in the order root/2 … root/n, heartbeat, trust, policy, the rest.
   * Signatures, site and hashes are checked as ever; ends are not, because lists in force outlive theirs (SPEC 5.5).
   */
  restore(
    objects: readonly { readonly name: string; readonly bytes: Uint8Array }[],
    monotonicMs: number,
  ): readonly Offer[] {
    return objects.map(({ name, bytes }) => this.#offer(name, bytes, monotonicMs, "cache"));
  }

  /**
   * Offers bytes that arrived under a name ("root/2", "heartbeat", "trust", "policy", "status/<kid>", "directory/…").
   */
  offer(name: string, bytes: Uint8Array, monotonicMs: number): Offer {
    return this.#offer(name, bytes, monotonicMs, "network");
  }

  /**
   * From now on lists are opened by the caller, in a thread of its own (SAFETY R8): it notes what came of it, then
   * offers. What waits is taken up again only once it was noted: see `unopened`.
   */
  leaveOpening(): void {
    this.#opensLists = false;
  }

  /** Lists that wait and can be opened now, but were not: to be opened and offered again. */
  unopened(): readonly { readonly name: string; readonly bytes: Uint8Array }[] {
    return [...this.#waiting]
      .map(([name, bytes]) => ({ name, bytes }))
      .filter(({ name, bytes }) => this.#isLeftToOthers(name, bytes))
      .filter(({ name }) => name === "trust" || name === "policy" || this.openingOf(name).issuer !== undefined);
  }

  /** What the list of that name is opened with at this moment. */
  openingOf(name: string): ListOpening {
    const { site, root, trust } = this.#state;
    const issuer = trust?.issuers.get(name.split("/")[1] ?? "");
    return { site, root, ...(issuer && { issuer }) };
  }

  /** Notes what `openList` made of these bytes elsewhere; offering them then costs next to nothing. */
  noteOpened(bytes: Uint8Array, opening: ListOpening, verdict: Verdict<OpenedList, TrustCode>): void {
    this.#noted.set(bytes, { opening, verdict, hash: sha256(bytes) });
  }

  /** Notes the one question for the time that may be answered; `nonce` is 16 fresh random bytes. */
  askTime(nonce: Uint8Array, monotonicMs: number): void {
    this.#question = { nonce, askedMs: monotonicMs };
  }

  /**
   * Takes a time answer (SPEC 5.4): the open nonce within 10 s, not past the trust list's end, not back by over 5
   * minutes.
   */
  answerTime(bytes: Uint8Array, monotonicMs: number): Offer {
    const opened = openTimeAnswer(bytes, this.#state.root, this.#state.site, this.agent);
    if (!opened.ok) return { ...NONE, outcome: opened.code };
    const question = this.#question;
    const { now, nonce, heartbeatVersion } = opened.value;
    if (!question || !sameBytes(question.nonce, nonce) || monotonicMs - question.askedMs > NONCE_VALID_MS) {
      return { ...NONE, outcome: "NONCE_UNKNOWN" };
    }
    this.#question = undefined;
    if (now > this.#latestPlausible() || now < this.floor(monotonicMs) - MOST_STEP_BACK_MS) {
      this.#clock = { ...this.#clock, state: "untrusted" };
      return { ...NONE, outcome: "TIME_IMPLAUSIBLE", detail: "the answer is too far from the time known so far" };
    }
    this.#clock = synced(this.#clock, now, monotonicMs);
    this.#answered = { at: now, heartbeatVersion };
    this.#refresh();
    const released = this.#releaseWaiting(monotonicMs);
    return { ...released, outcome: "accepted" };
  }

  #offer(name: string, bytes: Uint8Array, monotonicMs: number, from: "network" | "cache"): Offer {
    const before = this.#state;
    const applied = this.#apply(name, bytes, monotonicMs, from);
    if (!applied.ok) {
      const waits =
        applied.code === "LIST_NOT_ANNOUNCED" ||
        applied.code === "ROOT_VERSION_SKIPPED" ||
        applied.code === "TIME_IMPLAUSIBLE";
      if (waits && from === "network" && this.#keepWaiting(name, bytes))
        return { ...NONE, outcome: "waiting", detail: applied.code };
      return { ...NONE, outcome: applied.code, ...(applied.detail !== undefined && { detail: applied.detail }) };
    }
    if (applied.value === "repeated") return { ...NONE, outcome: "repeated" };
    this.#state = applied.value;
    this.#waiting.delete(name);
    const released = this.#releaseWaiting(monotonicMs);
    return {
      accepted: [{ name, bytes }, ...released.accepted],
      removed: vanished(before, this.#state),
      outcome: "accepted",
    };
  }

  #apply(name: string, bytes: Uint8Array, monotonicMs: number, from: "network" | "cache"): Apply {
    const now = from === "cache" ? Number.NEGATIVE_INFINITY : this.now(monotonicMs);
    const root = /^root\/([0-9]{1,9})$/.exec(name);
    if (root) return this.#applyRoot(Number(root[1]), bytes, { now, monotonicMs, from });
    if (name === "heartbeat") return this.#applyHeartbeat(bytes, now, monotonicMs);
    if (!OBJECT_NAME.test(name) || name === "root") return no("OBJECT_WRONG_TYPE", "no object of that name");
    return this.#applyList(name, bytes, now, monotonicMs, from);
  }

  /** SPEC 5.1: one version at a time, each on the word of the one before and of itself. */
  #applyRoot(
    place: number,
    bytes: Uint8Array,
    { now, monotonicMs, from }: { now: Instant; monotonicMs: number; from: "network" | "cache" },
  ): Apply {
    if (bytes.length > objectTypes.root.maxBytes) return no("OBJECT_TOO_LARGE");
    const current = this.#state.root;
    const hash = sha256(bytes);
    const held = this.#state.applied.get("root") as Announced;
    if (sameBytes(hash, held.hash)) return yes("repeated");
    // The chain's older links stay published for those who need them.
    if (place < current.version) return yes("repeated");
    // Nobody we trust vouches for it yet: it waits unread.
    if (place > current.version + 1) return no("ROOT_VERSION_SKIPPED");
    const opened = openRoot(bytes, current);
    if (!opened.ok) return opened;
    const root = opened.value;
    if (root.version > current.version + 1) return no("ROOT_VERSION_SKIPPED");
    if (root.version < current.version) return no("LIST_ROLLED_BACK");
    if (root.version === current.version) return no("LIST_EQUIVOCATED");
    if (!root.site || !sameBytes(root.site, this.#state.site)) return no("OBJECT_WRONG_SITE");
    if (root.expiresAt <= now) return no("OBJECT_EXPIRED");
    const applied = new Map(this.#state.applied).set("root", { version: root.version, hash });
    let next: SiteState = { ...this.#state, root, applied };
    if (!sameKeys(current, root, "online")) {
      // A stolen online key may have pushed time and versions ahead: forget what it said (fast-forward recovery).
      next = without(next, "heartbeat");
      this.#answered = undefined;
      // The clock that was kept is younger than the roots kept with it: lowered again at every start, it would stand
      // still.
      if (from === "network") {
        const floor = Math.max(root.issuedAt, next.trust?.issuedAt ?? 0);
        this.#clock = {
          floorAt: floor,
          floorMonotonicMs: monotonicMs,
          state: "untrusted",
          freshAt: Math.min(this.#clock.freshAt, floor),
        };
      }
    }
    if (!sameKeys(current, root, "trust")) next = without(next, "trust");
    if (!sameKeys(current, root, "policy")) next = without(next, "policy");
    this.#clock = raiseFloor(this.#clock, root.issuedAt, monotonicMs);
    return yes(next);
  }

  /** SPEC 5.2. */
  #applyHeartbeat(bytes: Uint8Array, now: Instant, monotonicMs: number): Apply {
    const { root, site, heartbeat: held } = this.#state;
    const opened = openHeartbeat(bytes, root, site);
    if (!opened.ok) return opened;
    const next = opened.value;
    const hash = sha256(bytes);
    if (held && next.version < held.version) return no("LIST_ROLLED_BACK");
    if (held && next.version === held.version) {
      return sameBytes(hash, (this.#state.applied.get("heartbeat") as Announced).hash)
        ? yes("repeated")
        : no("LIST_EQUIVOCATED");
    }
    if (next.expiresAt <= now) return no("OBJECT_EXPIRED");
    for (const [name, current] of this.#state.applied) {
      if (name === "heartbeat" || name === "root") continue;
      const announced = next.objects.get(name);
      if (!announced && (name === "trust" || name === "policy")) return no("LIST_ROLLED_BACK", `${name} vanished`);
      if (announced && announced.version < current.version) return no("LIST_ROLLED_BACK", name);
      if (announced?.version === current.version && !sameBytes(announced.hash, current.hash))
        return no("LIST_EQUIVOCATED", name);
    }
    if (next.now > this.#latestPlausible() || next.now > this.floor(monotonicMs) + MOST_ADVANCE_MS) {
      if (now !== Number.NEGATIVE_INFINITY) return no("TIME_IMPLAUSIBLE", "ask for the time first");
    }
    this.#clock = raiseFloor(this.#clock, next.now, monotonicMs);
    const applied = new Map(this.#state.applied).set("heartbeat", { version: next.version, hash });
    this.#refresh(next.version);
    return yes({ ...this.#state, heartbeat: next, applied });
  }

  /** SPEC 5.3: an older list is a replay, an equal one a repeat; only what the heartbeat announces comes into force. */
  #applyList(name: string, bytes: Uint8Array, now: Instant, monotonicMs: number, from: "network" | "cache"): Apply {
    const hash = this.#noteOf(name, bytes)?.hash ?? sha256(bytes);
    const held = this.#state.applied.get(name);
    // What is in force was opened before: a broker sends all of it again at every connection.
    if (held && sameBytes(hash, held.hash)) return yes("repeated");
    const opened = this.#openList(name, bytes);
    if (!opened.ok) return opened;
    const { version, issuedAt } = opened.value.list;
    const expiresAt = opened.value.kind === "directory" ? undefined : opened.value.list.expiresAt;
    if (held && version < held.version) return no("LIST_ROLLED_BACK");
    if (held && version === held.version) return no("LIST_EQUIVOCATED");
    const announced = this.#state.heartbeat?.objects.get(name);
    if (announced && version === announced.version && !sameBytes(hash, announced.hash)) return no("LIST_EQUIVOCATED");
    // What was in force before a restart is so again, also where the heartbeat had run ahead of it or was discarded
    // since.
    if (from === "network") {
      if (!announced || version > announced.version) {
        return no("LIST_NOT_ANNOUNCED", "no heartbeat announces it yet");
      }
      if (version < announced.version) return no("LIST_ROLLED_BACK", "older than the heartbeat announces");
    }
    if (expiresAt !== undefined && expiresAt <= now) return no("OBJECT_EXPIRED");
    const applied = new Map(this.#state.applied).set(name, { version, hash });
    if (name === "trust") this.#clock = raiseFloor(this.#clock, issuedAt, monotonicMs);
    return yes(withList({ ...this.#state, applied }, name, opened.value));
  }

  /** Opens a list, or takes the word of whoever opened these very bytes with the same keys. */
  #openList(name: string, bytes: Uint8Array): Verdict<OpenedList, TrustCode> {
    return this.#noteOf(name, bytes)?.verdict ?? openList(name, bytes, this.openingOf(name));
  }

  #noteOf(name: string, bytes: Uint8Array): Noted | undefined {
    const noted = this.#noted.get(bytes);
    return noted && isSameOpening(name, noted.opening, this.openingOf(name)) ? noted : undefined;
  }

  /** Offers again what was waiting, until a round brings nothing. */
  #releaseWaiting(monotonicMs: number): { accepted: { name: string; bytes: Uint8Array }[]; removed: string[] } {
    const accepted: { name: string; bytes: Uint8Array }[] = [];
    const before = this.#state;
    for (let progress = true; progress;) {
      progress = false;
      for (const [name, bytes] of [...this.#waiting].sort(([a], [b]) => rank(a) - rank(b))) {
        if (this.#isLeftToOthers(name, bytes)) continue;
        const applied = this.#apply(name, bytes, monotonicMs, "network");
        if (
          !applied.ok &&
          (applied.code === "LIST_NOT_ANNOUNCED" ||
            applied.code === "ROOT_VERSION_SKIPPED" ||
            applied.code === "TIME_IMPLAUSIBLE")
        ) {
          continue;
        }
        this.#waiting.delete(name);
        if (!applied.ok || applied.value === "repeated") continue;
        this.#state = applied.value;
        accepted.push({ name, bytes });
        progress = true;
      }
    }
    return { accepted, removed: vanished(before, this.#state) };
  }

  #isLeftToOthers(name: string, bytes: Uint8Array): boolean {
    return !this.#opensLists && !name.startsWith("root/") && name !== "heartbeat" && !this.#noteOf(name, bytes);
  }

  #keepWaiting(name: string, bytes: Uint8Array): boolean {
    let held = bytes.length;
    for (const [other, waiting] of this.#waiting) if (other !== name) held += waiting.length;
    if (held > MOST_WAITING_BYTES) return false;
    if (!this.#waiting.has(name) && this.#waiting.size >= MOST_WAITING) return false;
    this.#waiting.set(name, bytes);
    return true;
  }

  #latestPlausible(): Instant {
    return this.#state.trust?.expiresAt ?? this.#state.root.expiresAt;
  }

  /** A time answer counts for freshness once the heartbeat it names is held. */
  #refresh(heartbeatVersion = this.#state.heartbeat?.version ?? 0): void {
    const answered = this.#answered;
    if (!answered || heartbeatVersion < answered.heartbeatVersion) return;
    this.#answered = undefined;
    this.#clock = { ...this.#clock, freshAt: Math.max(this.#clock.freshAt, answered.at) };
  }
}

/** Roots first, then the heartbeat, then what it announces. */
function rank(name: string): number {
  if (name.startsWith("root/")) return Number(name.slice(5)) - 1e9;
  return ["heartbeat", "trust", "policy"].indexOf(name) + 1 || 9;
}

function sameKeys(a: Root, b: Root, role: Role): boolean {
  const ids = (root: Root) => root.roles[role].keys.map(toHex).sort().join();
  return ids(a) === ids(b);
}
