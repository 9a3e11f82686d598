import { type Announced, type Instant, sha256, signHeartbeat, signTimeAnswer } from "@badgekey/shared";
import { lifeMs, ownStatusName, signOwnPolicy, signOwnStatusList, signOwnTrustList } from "./lists.js";
import type { ObjectStore, SendObject, SiteContent, StatusSnapshot, StoredObject } from "./ports.js";
import type { Site } from "./site.js";

export type ListName = "trust" | "policy" | "status";

/** One publication: what agents must hold to have seen a change. */
export interface Published {
  readonly heartbeatVersion: number;
  readonly at: Instant;
  /** Newest version by object name. */
  readonly versions: ReadonlyMap<string, number>;
}

export interface PublisherDeps {
  readonly site: Site;
  readonly siteName: string;
  readonly timeZone: string;
  readonly content: SiteContent;
  readonly store: ObjectStore;
  readonly send: SendObject;
  readonly clock: () => Instant;
}

/** How far the clock may lie behind what was signed already before no time is signed any more. */
const MOST_BEHIND_MS = 5 * 60_000;

/**
 * Signs and sends the site state: versions only rise, each is stored before it is sent, lists go out before the
 * heartbeat that announces them (SPEC 5). Changes that arrive during one round go into the next together.
 */
export class Publisher {
  readonly #deps: PublisherDeps;
  readonly #held = new Map<string, StoredObject>();
  readonly #dirty = new Set<ListName>();
  #waiting: { readonly resolve: (published: Published) => void; readonly reject: (error: unknown) => void }[] = [];
  #running: Promise<void> | undefined;

  private constructor(deps: PublisherDeps) {
    this.#deps = deps;
  }

  /** Loads what was published before; what is missing or due is signed by the first `publish`. */
  static async open(deps: PublisherDeps): Promise<Publisher> {
    const publisher = new Publisher(deps);
    for (const object of await deps.store.all()) publisher.#held.set(object.name, object);
    publisher.#markDue();
    return publisher;
  }

  /** Signs and sends the lists named, what else is due, and a heartbeat over all. Resolves once they are sent. */
  publish(lists: readonly ListName[] = []): Promise<Published> {
    for (const list of lists) this.#dirty.add(list);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing is being signed or sent. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Sends everything held again: a broker that has just started retains nothing. */
  sendAll(): void {
    const { site, send } = this.#deps;
    site.roots.forEach((bytes, index) => {
      send(`root/${index + 1}`, bytes);
    });
    for (const [name, { bytes }] of this.#held) if (name !== "heartbeat") send(name, bytes);
    const heartbeat = this.#held.get("heartbeat");
    if (heartbeat) send("heartbeat", heartbeat.bytes);
  }

  /** The answer to an agent's question for the time; undefined while our own clock is not to be believed (SPEC 5.4). */
  answerTime(agent: string, nonce: Uint8Array): Uint8Array | undefined {
    const heartbeat = this.#held.get("heartbeat");
    if (!heartbeat || !this.clockIsSound()) return undefined;
    const { site, clock } = this.#deps;
    const answer = { agent, nonce, now: clock(), heartbeatVersion: heartbeat.version };
    return signTimeAnswer(answer, site.id, site.keys.online);
  }

  /**
   * False where the clock lies behind times signed before: somebody set it back, and agents would refuse what it says.
   */
  clockIsSound(): boolean {
    const signedAt = this.#held.get("heartbeat")?.issuedAt ?? 0;
    return this.#deps.clock() >= signedAt - MOST_BEHIND_MS;
  }

  object(name: string): StoredObject | undefined {
    return this.#held.get(name);
  }

  /** Ends of what was signed, for the operator's list of dates. */
  objects(): readonly StoredObject[] {
    return [...this.#held.values()];
  }

  #markDue(): void {
    const now = this.#deps.clock();
    for (const [list, name] of this.#names()) {
      const held = this.#held.get(name);
      // Re-signed at two thirds of its life: nothing stops because somebody forgot.
      if (!held || now >= held.issuedAt + ((held.expiresAt - held.issuedAt) * 2) / 3) this.#dirty.add(list);
    }
  }

  async #run(): Promise<void> {
    // A turn of the loop lets changes that are being committed side by side share one round.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      try {
        const published = await this.#round();
        for (const { resolve } of waiting) resolve(published);
      } catch (error) {
        for (const { reject } of waiting) reject(error);
      }
    }
    this.#running = undefined;
  }

  async #round(): Promise<Published> {
    this.#markDue();
    const lists = [...this.#dirty];
    this.#dirty.clear();
    let snapshot: StatusSnapshot | undefined;
    try {
      const made: StoredObject[] = [];
      for (const list of lists) {
        if (list === "status") snapshot = this.#deps.content.statuses();
        made.push(await this.#sign(list, snapshot));
      }
      const heartbeat = this.#signHeartbeat(made);
      const status = made.find(({ name }) => name === ownStatusName(this.#deps.site));
      const holds = status && snapshot ? { version: status.version, badges: snapshot.badges } : undefined;
      // Stored first: after a crash no version may exist twice with different bytes.
      await this.#deps.store.save([...made, heartbeat], holds);
      for (const object of [...made, heartbeat]) {
        this.#held.set(object.name, object);
        this.#deps.send(object.name, object.bytes);
      }
      const versions = new Map([...this.#held].map(([name, { version }]) => [name, version]));
      return { heartbeatVersion: heartbeat.version, at: heartbeat.issuedAt, versions };
    } catch (error) {
      snapshot?.putBack();
      for (const list of lists) this.#dirty.add(list);
      throw error;
    }
  }

  async #sign(list: ListName, snapshot: StatusSnapshot | undefined): Promise<StoredObject> {
    const { site, siteName, timeZone, content, clock } = this.#deps;
    const name = list === "status" ? ownStatusName(site) : list;
    const stamp = { version: this.#nextVersion(name), issuedAt: clock() };
    const expiresAt = stamp.issuedAt + lifeMs[list];
    switch (list) {
      case "trust":
        return stored(name, signOwnTrustList(site, siteName, await content.trainings(), stamp), {
          ...stamp,
          expiresAt,
        });
      case "policy": {
        const [trainings, machines, lockouts] = await Promise.all([
          content.trainings(),
          content.machines(),
          content.lockouts(),
        ]);
        const policy = { siteName, timeZone, trainings, machines, lockouts };
        return stored(name, signOwnPolicy(site, policy, stamp), { ...stamp, expiresAt });
      }
      case "status":
        if (!snapshot) throw new Error("a status list needs a snapshot");
        return stored(name, signOwnStatusList(site, snapshot.packed, stamp), { ...stamp, expiresAt });
    }
  }

  #signHeartbeat(made: readonly StoredObject[]): StoredObject {
    const { site, clock } = this.#deps;
    const newest = new Map(this.#held);
    for (const object of made) newest.set(object.name, object);
    const rootBytes = site.roots.at(-1);
    if (!rootBytes) throw new Error("a site has a root");
    const objects = new Map<string, Announced>([["root", { version: site.root.version, hash: sha256(rootBytes) }]]);
    for (const { name, version, hash } of newest.values())
      if (name !== "heartbeat") objects.set(name, { version, hash });
    const version = this.#nextVersion("heartbeat");
    // Time on the wire never goes back, whatever our own clock does.
    const now = Math.max(clock(), this.#held.get("heartbeat")?.issuedAt ?? 0);
    const expiresAt = now + lifeMs.heartbeat;
    const bytes = signHeartbeat({ version, now, expiresAt, objects }, site.id, site.keys.online);
    return stored("heartbeat", bytes, { version, issuedAt: now, expiresAt });
  }

  #nextVersion(name: string): number {
    return (this.#held.get(name)?.version ?? 0) + 1;
  }

  #names(): readonly (readonly [ListName, string])[] {
    return [
      ["trust", "trust"],
      ["policy", "policy"],
      ["status", ownStatusName(this.#deps.site)],
    ];
  }
}

function stored(
  name: string,
  bytes: Uint8Array,
  { version, issuedAt, expiresAt }: { version: number; issuedAt: Instant; expiresAt: Instant },
): StoredObject {
  return { name, version, bytes, hash: sha256(bytes), issuedAt, expiresAt };
}
