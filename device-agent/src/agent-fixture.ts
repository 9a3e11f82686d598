import {
  type BadgeClaims,
  type CommandAction,
  DAY_MS,
  type Lockout,
  type MachinePolicyInput,
  type Report,
  type Signer,
  type Status,
  TrustClient,
  type UsageRecord,
  clockAtBoot,
  decodeTimeQuery,
  decodeUsageRecord,
  machinePolicySchema,
  openPolicy,
  openReport,
  signAcknowledgement,
  signCommand,
  signPolicy,
  signTimeAnswer,
} from "@badgekey/shared";
import { type TestSite, VirtualType4Tag, ntagWithBadge, testSite, type4WithBadge } from "@badgekey/shared/testing";
import { guardedMachine } from "./agent-machine.js";
import { type Agent, type AgentDeps, createAgent } from "./agent.js";
import type { InputName, OpenedJournal, SiteStateStore } from "./ports.js";
import { type FakeClock, fakeClock, settle } from "./testing/fake-clock.js";
import { type FakeIndicator, fakeIndicator } from "./testing/fake-indicator.js";
import { type FakeInputs, fakeInputs } from "./testing/fake-inputs.js";
import { type FakeJournal, fakeJournal } from "./testing/fake-journal.js";
import { type FakeReader, fakeReader } from "./testing/fake-reader.js";
import { type FakeRelay, fakeRelay } from "./testing/fake-relay.js";
import { type FakeScreen, fakeScreen } from "./testing/fake-screen.js";
import { type FakeUplink, fakeUplink } from "./testing/fake-uplink.js";
import { silentLog } from "./testing/silent-log.js";

/** One agent with behaving fakes around it, a clock moved by hand, and a gateway that signs what the test asks for. */

export const UID = Uint8Array.of(4, 1, 2, 3, 4, 5, 6);
export const OTHER_UID = Uint8Array.of(4, 9, 9, 9, 9, 9, 9);
const MACHINE = "laser-1";
const FIRST_PIN = 9;
const FEEDBACK_MS = 20;

export interface BenchOptions {
  readonly policy?: Partial<MachinePolicyInput>;
  /** Contacts that are wired, and how they stand when the agent starts. */
  readonly contacts?: Partial<Record<InputName, boolean>>;
  readonly journal?: FakeJournal;
  /** Changes what the agent is made of. */
  readonly deps?: (bench: AgentBench) => Partial<AgentDeps>;
}

/** The site-state cache in memory. */
class MemoryStore implements Pick<SiteStateStore, "save" | "saveClock"> {
  readonly saved = new Map<string, Uint8Array>();
  clock = { floorAt: 0, freshAt: 0 };
  isBroken = false;

  save(accepted: readonly { readonly name: string; readonly bytes: Uint8Array }[], removed: readonly string[]) {
    if (this.isBroken) return Promise.reject(new Error("no space left on device"));
    for (const { name, bytes } of accepted) this.saved.set(name, bytes);
    for (const name of removed) this.saved.delete(name);
    return Promise.resolve();
  }

  saveClock(floorAt: number, freshAt: number) {
    this.clock = { floorAt, freshAt };
    return Promise.resolve();
  }
}

export class AgentBench {
  readonly site: TestSite;
  readonly clock: FakeClock = fakeClock();
  readonly journal: FakeJournal;
  readonly store = new MemoryStore();
  readonly defects: unknown[] = [];
  relay: FakeRelay = fakeRelay(() => this.clock.nowMs());
  reader: FakeReader = fakeReader();
  readonly inputs: FakeInputs;
  indicator: FakeIndicator = fakeIndicator();
  screen: FakeScreen = fakeScreen();
  uplink: FakeUplink = fakeUplink();
  progress = 0;
  readonly #options: BenchOptions;
  readonly #policy: MachinePolicyInput;
  /** What the gateway publishes, by name. */
  readonly #objects: Map<string, { version: number; bytes: Uint8Array }>;
  #heartbeat = 1;
  #aheadMs = 0;
  #lastAnswer = new Uint8Array(0);
  #command = 0;
  #lockouts = new Map<string, Lockout>();
  #trust: TrustClient;
  #agent: Agent | undefined;

  constructor(options: BenchOptions) {
    this.#options = options;
    this.inputs = fakeInputs(options.contacts);
    this.#policy = { name: "Laser cutter", requires: [[{ training: 1 }]], ...wired(options) };
    this.site = testSite({ machines: { [MACHINE]: this.#policy } });
    this.#objects = new Map(Object.entries(this.site.first));
    this.journal = options.journal ?? fakeJournal({ site: this.site.site, agent: MACHINE });
    this.#trust = this.site.client(MACHINE);
    this.#trust.setClock({ ...this.#trust.clock, freshAt: this.site.at, state: "synced" });
    this.store.clock = { floorAt: this.site.at, freshAt: this.site.at };
    for (const [name, { bytes }] of this.#objects) this.store.saved.set(name, bytes);
    this.store.saved.set("heartbeat", this.site.heartbeat(this.site.first));
    this.#answer();
  }

  get trust(): TrustClient {
    return this.#trust;
  }

  get agent(): Agent {
    if (!this.#agent) throw new Error("the agent was not started");
    return this.#agent;
  }

  /** Trusted time of the gateway: it never stops. */
  get now(): number {
    return this.site.at + this.clock.nowMs() + this.#aheadMs;
  }

  /** Time passes while the agent has no power. */
  gatewayIsAheadBy(ms: number): void {
    this.#aheadMs = ms;
  }

  /** The last answer to a question for the time. */
  get lastAnswer(): Uint8Array {
    return this.#lastAnswer;
  }

  async start(opened: OpenedJournal = this.journal.opened()): Promise<void> {
    const { wiring } = guardedMachine(this.#trust.state, MACHINE).policy ?? {};
    this.#agent = createAgent({
      agent: MACHINE,
      software: "badgekey-agent test",
      signer: this.site.keys.agent,
      trust: this.#trust,
      store: this.store,
      opened,
      readers: [this.reader],
      relay: this.relay,
      ...(wiring && { wiring }),
      inputs: this.inputs,
      indicator: this.indicator,
      screen: this.screen,
      uplink: this.uplink,
      clock: this.clock,
      scheduler: this.clock,
      random: counted(),
      log: silentLog(),
      onProgress: () => (this.progress += 1),
      onDefect: (error) => this.defects.push(error),
      ...this.#options.deps?.(this),
    });
    const started = this.#agent.start();
    await this.pass(500);
    await started;
  }

  /** A power cut: nothing is closed or flushed, then a start with what was durable. The clock goes on. */
  async cutPower(change: { offline?: boolean } = {}): Promise<void> {
    const opened = this.journal.restart();
    await this.#boot(opened, change.offline ?? false);
  }

  /** A start on a journal in a state of the test's choice. */
  restartWith(opened: OpenedJournal): Promise<void> {
    return this.#boot(opened, true).then(() => this.uplink.connect());
  }

  /** Everything is new but what lies on the disk. */
  async #boot(opened: OpenedJournal, offline: boolean): Promise<void> {
    const { floorAt, freshAt } = this.store.clock;
    const nowMs = this.clock.nowMs();
    const restored = TrustClient.start(this.site.rootBytes, {
      site: this.site.site,
      agent: MACHINE,
      clock: clockAtBoot(floorAt, freshAt, nowMs),
      monotonicMs: nowMs,
    });
    if (!restored.ok) throw new Error(restored.code);
    const rank = (name: string) => ["heartbeat", "trust", "policy"].indexOf(name) + 1 || 9;
    const objects = [...this.store.saved].map(([name, bytes]) => ({ name, bytes }));
    restored.value.restore(
      objects.sort((a, b) => rank(a.name) - rank(b.name)),
      nowMs,
    );
    this.#trust = restored.value;
    this.relay = fakeRelay(() => this.clock.nowMs());
    this.indicator = fakeIndicator();
    this.screen = fakeScreen();
    this.uplink = fakeUplink();
    this.reader = this.reader.isClosed ? fakeReader() : this.reader.reborn();
    this.#answer();
    await this.start(opened);
    if (!offline) this.uplink.connect();
    await settle();
  }

  pass(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  /** The contact `feedback` tells where the relay's is, as the auxiliary contact of a real one does. */
  feedBack(): void {
    this.inputs.set("feedback", this.relay.position() === "closed");
    this.clock.after(FEEDBACK_MS, () => this.feedBack());
  }

  // Cards

  badge(claims: Partial<BadgeClaims> = {}, signer?: Signer): Uint8Array {
    return this.site.badge({ expiresAt: this.site.at + 300 * DAY_MS, ...claims }, signer);
  }

  card(badge: Uint8Array, uid = UID) {
    return type4WithBadge({ uid }, badge);
  }

  ntag(badge: Uint8Array, uid = UID) {
    return ntagWithBadge("NTAG215", uid, badge);
  }

  blank(uid = UID) {
    return new VirtualType4Tag({ uid });
  }

  /** Taps and takes the card away again, then waits out the reader's bounce. */
  async tap(badge: Uint8Array, uid = UID): Promise<void> {
    this.reader.insert(this.card(badge, uid));
    await settle();
    this.reader.remove();
    await this.pass(900);
  }

  // Gateway

  /** Publishes an object and the heartbeat that announces it. */
  publish(name: string, make: (version: number) => Uint8Array): void {
    const version = (this.#objects.get(name)?.version ?? 0) + 1;
    this.#objects.set(name, { version, bytes: make(version) });
    this.offerAll([name]);
  }

  /** Offers objects and the heartbeat, as the broker does at a subscription. */
  offerAll(names: Iterable<string> = this.#objects.keys()): void {
    for (const name of names) {
      const bytes = this.#objects.get(name)?.bytes;
      if (bytes) this.uplink.offer(name, bytes);
    }
    this.#heartbeat += 1;
    this.uplink.offer("heartbeat", this.heartbeat());
  }

  heartbeat(): Uint8Array {
    return this.site.heartbeat(Object.fromEntries(this.#objects), this.#heartbeat, this.now);
  }

  async setStatus(statuses: Readonly<Record<number, Status>>): Promise<void> {
    this.publish(this.site.listName, (version) => this.site.status(version, statuses));
    await settle();
  }

  async setPolicy(change: Partial<MachinePolicyInput>, issuedAt = this.now): Promise<void> {
    const policy = machinePolicySchema.parse({ ...this.#policy, ...change });
    const opened = openPolicy(this.site.policy(), this.site.root, this.site.site);
    if (!opened.ok) throw new Error(opened.code);
    const machines = new Map([[MACHINE, { policy, agent: MACHINE, agentKey: this.site.keys.agent.publicKey }]]);
    this.publish("policy", (version) =>
      signPolicy(
        { ...opened.value, version, issuedAt, machines, lockouts: this.#lockouts },
        this.site.site,
        this.site.keys.policy,
      ),
    );
    await settle();
  }

  async setLockouts(lockouts: Map<string, Lockout>): Promise<void> {
    this.#lockouts = lockouts;
    await this.setPolicy({});
  }

  command(action: CommandAction, given: { number?: number; issuedAt?: number } = {}): Uint8Array {
    this.#command = given.number ?? this.#command + 1;
    const issuedAt = given.issuedAt ?? this.now;
    return signCommand(
      { number: this.#command, issuedAt, expiresAt: issuedAt + 60_000, action, agent: MACHINE },
      this.site.site,
      this.site.keys.command,
    );
  }

  async order(action: CommandAction): Promise<Uint8Array> {
    const bytes = this.command(action);
    this.uplink.deliver("command", bytes);
    await settle();
    return bytes;
  }

  async acknowledge(chain = this.journal.head.chain): Promise<void> {
    const { boot, sequence } = this.journal.head;
    const ack = { upTo: { boot, sequence }, chain, agent: MACHINE };
    this.uplink.deliver("acknowledgement", signAcknowledgement(ack, this.site.site, this.site.keys.online));
    await settle();
  }

  /** The newest report the gateway got. */
  get report(): Report {
    const bytes = this.uplink.payloads("report").at(-1);
    if (!bytes) throw new Error("no report came");
    const opened = openReport(bytes, this.site.keys.agent.publicKey, this.site.site, MACHINE);
    if (!opened.ok) throw new Error(opened.code);
    return opened.value;
  }

  #answer(): void {
    this.uplink.answer(({ topic, payload }) => {
      const nonce = topic === "time-query" ? decodeTimeQuery(payload) : undefined;
      if (!nonce) return;
      const answer = { now: this.now, nonce, heartbeatVersion: this.#heartbeat, agent: MACHINE };
      this.#lastAnswer = new Uint8Array(signTimeAnswer(answer, this.site.site, this.site.keys.online));
      const { uplink } = this;
      queueMicrotask(() => uplink.deliver("time-answer", this.#lastAnswer));
    });
  }

  // What is to be seen

  get records(): readonly UsageRecord[] {
    return this.journal.rows.map(({ body }) => decodeUsageRecord(body));
  }

  /** "sessionEnded tap" and the like; without the agent's own start. */
  get told(): readonly string[] {
    return this.records
      .filter(({ kind }) => kind !== "agentStarted")
      .map(({ kind, reason, code, count }) =>
        [kind, reason, code, count === undefined ? undefined : `×${count}`]
          .filter((part) => part !== undefined)
          .join(" "),
      );
  }
}

export async function startBench(options: BenchOptions = {}): Promise<AgentBench> {
  const bench = new AgentBench(options);
  await bench.start();
  return bench;
}

/** The machine's rules with a pin for each contact. */
function wired({ policy = {}, contacts = {} }: BenchOptions): Partial<MachinePolicyInput> {
  const pins = Object.keys(contacts).map((input, place) => [input, { pin: FIRST_PIN + place }] as const);
  const inputs = { ...Object.fromEntries(pins), ...policy.wiring?.inputs };
  return { ...policy, wiring: { ...policy.wiring, inputs } };
}

/** Bytes that differ from draw to draw and are the same in every run. */
function counted(): (length: number) => Uint8Array {
  let drawn = 0;
  return (length) => {
    drawn += 1;
    const bytes = new Uint8Array(length);
    new DataView(bytes.buffer).setUint32(length - 4, drawn);
    return bytes;
  };
}
