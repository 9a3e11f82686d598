import { type Instant, type Report, openReport, sameBytes, sha256, toHex } from "@badgekey/shared";
import type { Agent, AgentStore, FindingStore } from "./ports.js";

/** An agent as the console shows it. */
export interface AgentState extends Agent {
  readonly connected: boolean;
  /** First 8 bytes of SHA-256 of its key, hex: its own screen shows the same. */
  readonly fingerprint: string | null;
  readonly opened: Report | null;
}

export interface AgentsDeps {
  /** SHA-256 of root version 1. */
  readonly site: Uint8Array;
  readonly store: AgentStore & FindingStore;
  readonly announce: (agent: AgentState) => void;
  readonly clock: () => Instant;
}

interface Entry {
  agent: Agent;
  connected: boolean;
  opened: Report | null;
  seenAt: Instant | null;
  /** Quarantined since the last save. */
  unsaved: number;
}

/** What agents said and did: presence from the broker, everything else only from reports they signed (SPEC 4.8). */
export class Agents {
  readonly #deps: AgentsDeps;
  readonly #entries = new Map<string, Entry>();

  private constructor(deps: AgentsDeps) {
    this.#deps = deps;
  }

  static async open(deps: AgentsDeps): Promise<Agents> {
    const agents = new Agents(deps);
    await agents.reload();
    return agents;
  }

  /** Reads the table again: after an enrolment, or when a machine named a new agent. */
  async reload(): Promise<void> {
    for (const agent of await this.#deps.store.agents()) {
      const held = this.#entries.get(agent.id);
      const unchanged =
        held !== undefined && held.agent.reportAt === agent.reportAt && sameKey(held.agent.key, agent.key);
      this.#entries.set(agent.id, {
        agent,
        seenAt: held?.seenAt ?? agent.lastSeenAt,
        connected: held?.connected ?? false,
        opened: unchanged ? held.opened : this.#openHeld(agent),
        unsaved: held?.unsaved ?? 0,
      });
    }
  }

  all(): readonly AgentState[] {
    return [...this.#entries.values()].map(toState).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  find(id: string): AgentState | undefined {
    const entry = this.#entries.get(id);
    return entry && toState(entry);
  }

  isConnected(id: string): boolean {
    return this.#entries.get(id)?.connected ?? false;
  }

  /** Only the certificate of the newest enrolment counts; an earlier one was replaced. */
  isRevoked(id: string, serial: string): boolean {
    return this.#entries.get(id)?.agent.certificateSerial !== serial;
  }

  connected(id: string): void {
    this.#update(id, { connected: true });
  }

  async disconnected(id: string): Promise<void> {
    const entry = this.#update(id, { connected: false });
    if (!entry) return;
    const quarantined = entry.unsaved;
    entry.unsaved = 0;
    await this.#deps.store.saveSeen(id, this.#deps.clock(), quarantined);
  }

  /** Something arrived: the agent lives. Nothing is written for it. */
  seen(id: string): void {
    const entry = this.#entries.get(id);
    if (entry) entry.seenAt = this.#deps.clock();
  }

  /** A publish it may not make: counted, and the first of a connection is an alarm. */
  async quarantined(id: string, detail: string): Promise<void> {
    const entry = this.#entries.get(id);
    if (!entry) return;
    entry.agent = { ...entry.agent, quarantined: entry.agent.quarantined + 1 };
    entry.unsaved += 1;
    if (entry.unsaved > 1) return;
    await this.#deps.store.addFinding({ at: this.#deps.clock(), code: "PUBLISH_QUARANTINED", agent: id, detail });
  }

  /** Takes a report: signed by the enrolled key, and newer than the one held. Undefined where it does not count. */
  async report(id: string, bytes: Uint8Array): Promise<Report | undefined> {
    const entry = this.#entries.get(id);
    if (!entry?.agent.key) return undefined;
    const opened = this.#open(id, bytes, entry.agent.key);
    const at = this.#deps.clock();
    if (!opened.ok) {
      await this.#deps.store.addFinding({
        at,
        code: opened.code,
        agent: id,
        detail: "a report that does not hold",
        bytes,
      });
      return undefined;
    }
    const report = opened.value;
    // A replay of an older report would hide what the agent knows by now.
    if (entry.opened && !isNewer(report, entry.opened)) return undefined;
    entry.agent = { ...entry.agent, report: bytes, reportAt: at };
    entry.seenAt = at;
    entry.opened = report;
    await this.#deps.store.saveReport(id, bytes, at);
    this.#deps.announce(toState(entry));
    return report;
  }

  /** Who has applied at least this version of an object, by their own signed word; enrolled agents only. */
  receipts(
    object: string,
    version: number,
  ): {
    readonly seenBy: string[];
    readonly missing: { readonly agent: string; readonly lastSeenAt: Instant | null }[];
  } {
    const seenBy: string[] = [];
    const missing: { agent: string; lastSeenAt: Instant | null }[] = [];
    for (const { id, key, opened, lastSeenAt } of this.all()) {
      if (!key) continue;
      if ((opened?.applied.get(object)?.version ?? 0) >= version) seenBy.push(id);
      else missing.push({ agent: id, lastSeenAt });
    }
    return { seenBy, missing };
  }

  #update(id: string, change: { readonly connected: boolean }): Entry | undefined {
    const entry = this.#entries.get(id);
    if (!entry) return undefined;
    entry.connected = change.connected;
    entry.seenAt = this.#deps.clock();
    this.#deps.announce(toState(entry));
    return entry;
  }

  #openHeld({ id, report, key }: Agent): Report | null {
    const opened = report && key ? this.#open(id, report, key) : null;
    return opened?.ok === true ? opened.value : null;
  }

  #open(id: string, bytes: Uint8Array, key: Uint8Array) {
    return openReport(bytes, key, this.#deps.site, id);
  }
}

function sameKey(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : sameBytes(a, b);
}

function isNewer(a: Report, b: Report): boolean {
  return a.journal.boot > b.journal.boot || (a.journal.boot === b.journal.boot && a.number > b.number);
}

function toState({ agent, connected, opened, seenAt }: Entry): AgentState {
  const fingerprint = agent.key ? toHex(sha256(agent.key).subarray(0, 8)) : null;
  return { ...agent, lastSeenAt: seenAt, connected, opened, fingerprint };
}
