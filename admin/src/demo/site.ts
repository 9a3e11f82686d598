import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Instant } from "@badgekey/shared";
import { stringify } from "yaml";
import { type Api, createApi } from "../api/index.js";
import { type Bench, openBench } from "./bench.js";
import { type Cable, layCable } from "./cable.js";
import { type Changes, createChanges } from "./changes.js";
import { type Child, type ChildEnd, describeEnd, startChild } from "./child.js";
import { type DataDir, DemoError } from "./data-dir.js";
import { type Live, followLive } from "./live.js";
import { machinePlans } from "./machines.js";
import { freePort } from "./ports.js";
import { programs } from "./programs.js";

export interface SiteOptions {
  readonly data: DataDir;
  /** Something broke that should not have; shown, never hidden. */
  readonly onTrouble: (text: string) => void;
  /** Name of a real reader that the first machine uses beside its simulated one. */
  readonly usbReader?: string;
  now(): Instant;
}

/** One simulated machine: its workbench, its network cable, and the program that guards it. */
export interface DemoMachine {
  readonly id: string;
  readonly name: string;
  readonly bench: Bench;
  readonly cable: Cable;
  /** Undefined until it is enrolled. */
  agent: Child | undefined;
}

/** A whole site in processes of its own: the programs a real one runs, with simulated readers, relays and screens. */
export interface DemoSite {
  readonly api: Api;
  readonly changes: Changes;
  readonly live: Live;
  readonly machines: ReadonlyMap<string, DemoMachine>;
  readonly gatewayRunning: boolean;
  readonly tokenFile: string;
  /** Starts gateway, benches and cables. Close the site also when this fails. */
  begin(): Promise<void>;
  machine(id: string): DemoMachine;
  /** Stops the gateway's process; its data stays. */
  stopGateway(): Promise<void>;
  startGateway(): Promise<void>;
  /** Starts an enrolled machine's agent and waits until it runs its loop. */
  startAgent(id: string): Promise<void>;
  /** Enrols a machine's agent with an invite piped to it. */
  enrol(id: string): Promise<void>;
  /** Stops everything; resolves when every process is gone. */
  close(): Promise<void>;
  /** The last resort when this process must end now. */
  killAll(): void;
}

const START_MS = 30_000;
const HEARTBEAT_SECONDS = 30;

/**
 * A site that has not begun: `begin` starts gateway, benches and cables; agents are started by whoever knows them
 * enrolled.
 */
export function createSite(options: SiteOptions): DemoSite {
  return new ProcessSite(options);
}

class ProcessSite implements DemoSite {
  readonly changes = createChanges();
  readonly machines = new Map<string, DemoMachine>();
  readonly #options: SiteOptions;
  readonly #ports = { http: 0, broker: 0 };
  readonly #children = new Set<Child>();
  #socketDir: string | undefined;
  #gateway: Child | undefined;
  #api: Api | undefined;
  #live: Live | undefined;
  #closing = false;

  constructor(options: SiteOptions) {
    this.#options = options;
  }

  get api(): Api {
    if (!this.#api) throw new Error("the gateway has not started yet");
    return this.#api;
  }

  get live(): Live {
    if (!this.#live) throw new Error("the gateway has not started yet");
    return this.#live;
  }

  get gatewayRunning(): boolean {
    return this.#gateway?.running ?? false;
  }

  get tokenFile(): string {
    return join(this.#options.data.gateway, "admin-token");
  }

  machine(id: string): DemoMachine {
    const machine = this.machines.get(id);
    if (!machine) throw new RangeError(`no machine ${id}`);
    return machine;
  }

  async begin(): Promise<void> {
    const socketDir = await mkdtemp(join(tmpdir(), "bk-"));
    this.#socketDir = socketDir;
    this.#ports.http = await freePort();
    this.#ports.broker = await freePort();
    await this.startGateway();
    for (const { id, name } of machinePlans) {
      const bench = await openBench({
        socketPath: join(socketDir, `${id}.sock`),
        onChange: () => this.changes.changed(),
        onTrouble: (detail) => this.#options.onTrouble(`${id}: ${detail}`),
      });
      const cable = await layCable({ host: "127.0.0.1", port: this.#ports.broker });
      this.machines.set(id, { id, name, bench, cable, agent: undefined });
    }
  }

  async startGateway(): Promise<void> {
    const { data } = this.#options;
    const configFile = join(data.gateway, "gateway.yaml");
    const config = {
      dataDir: data.gateway,
      siteName: "Badgekey demo site",
      timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      http: { port: this.#ports.http },
      broker: {
        host: "127.0.0.1",
        port: this.#ports.broker,
        advertise: { host: "127.0.0.1", port: this.#ports.broker },
      },
      heartbeatSeconds: HEARTBEAT_SECONDS,
    };
    await writeFile(configFile, stringify(config), { mode: 0o600 });
    const gateway = await this.#start({
      name: "gateway",
      program: programs.gateway,
      args: ["run", "--config", configFile],
      logFile: join(data.logs, "gateway.log"),
      onEnd: (end) => this.#ended("gateway", end),
    });
    this.#gateway = gateway;
    await this.#readyOrGone(gateway);
    this.#api ??= createApi({
      url: `http://127.0.0.1:${this.#ports.http}`,
      token: (await readFile(this.tokenFile, "utf8")).trim(),
    });
    this.#live ??= followLive(this.#api, this.changes, this.#options.onTrouble);
    const live = this.#live;
    await this.changes.until("the gateway's events", START_MS, () => live.connected || undefined);
  }

  async stopGateway(): Promise<void> {
    await this.#gateway?.stop();
    const { live } = this;
    await this.changes.until("the end of the gateway's events", START_MS, () => !live.connected || undefined);
  }

  async enrol(id: string): Promise<void> {
    const { line } = await this.api.invite(id);
    const configFile = await this.#writeAgentConfig(this.machine(id));
    const child = await this.#start({
      name: `${id} (enrolment)`,
      program: programs.agent,
      args: ["enroll", "--config", configFile],
      logFile: join(this.#options.data.logs, `${id}.log`),
      input: `${line}\n`,
    });
    const end = await child.ended;
    if (end.code !== 0) throw new DemoError(`${id} could not be enrolled: ${describeEnd(end)}`, this.#logHint());
  }

  async startAgent(id: string): Promise<void> {
    const machine = this.machine(id);
    const agent = await this.#start({
      name: id,
      program: programs.agent,
      args: ["run", "--config", await this.#writeAgentConfig(machine)],
      logFile: join(this.#options.data.logs, `${id}.log`),
      onEnd: (end) => this.#ended(id, end),
    });
    machine.agent = agent;
    await this.#readyOrGone(agent);
    await this.changes.until(`the reader of ${id}`, START_MS, () => machine.bench.state.readers > 0 || undefined);
  }

  async close(): Promise<void> {
    this.#closing = true;
    // All at once: the gateway does not wait for agents, nor they for it.
    await Promise.all([this.#live?.close(), ...[...this.#children].map((child) => child.stop())]);
    for (const { bench, cable } of this.machines.values()) await Promise.all([bench.close(), cable.close()]);
    if (this.#socketDir !== undefined) await rm(this.#socketDir, { recursive: true, force: true });
  }

  killAll(): void {
    for (const { pid } of this.#children) process.kill(pid, "SIGKILL");
  }

  async #start(options: Parameters<typeof startChild>[0]): Promise<Child> {
    if (this.#closing) throw new DemoError("the demo is stopping", "start it again");
    const child = startChild(options);
    this.#children.add(child);
    void child.ended.then(() => {
      this.#children.delete(child);
      return this.#notePids();
    });
    await this.#notePids();
    return child;
  }

  /** So that a start after this process was killed can end what it left behind. */
  async #notePids(): Promise<void> {
    if (!this.#closing) await this.#options.data.notePids([...this.#children].map(({ pid }) => pid));
  }

  async #writeAgentConfig({ id, bench, cable }: DemoMachine): Promise<string> {
    const dir = this.#options.data.agent(id);
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const socket = bench.socketPath;
    const readers: object[] = [{ driver: "simulated", socket }];
    const { usbReader } = this.#options;
    if (usbReader !== undefined && id === machinePlans[0]?.id) readers.push({ driver: "pcsc", name: usbReader });
    const config = {
      agent: id,
      dataDir: join(dir, "data"),
      readers,
      relay: { driver: "simulated", socket },
      screen: { driver: "simulated", socket },
      gateway: { host: "127.0.0.1", port: cable.port },
    };
    const path = join(dir, "agent.yaml");
    await writeFile(path, stringify(config), { mode: 0o600 });
    return path;
  }

  async #readyOrGone(child: Child): Promise<void> {
    try {
      await child.ready(START_MS);
    } catch (cause) {
      throw new DemoError((cause as Error).message, this.#logHint(), { cause });
    }
  }

  #ended(name: string, end: ChildEnd): void {
    this.changes.changed();
    if (!end.expected && !this.#closing) this.#options.onTrouble(`${name} has ended: ${describeEnd(end)}`);
  }

  #logHint(): string {
    return `its whole output is in ${this.#options.data.logs}`;
  }
}
