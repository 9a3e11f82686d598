import { mkdtempSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import {
  type AgentDeps,
  FakeClock,
  FakeReader,
  type Screen,
  type Uplink,
  createAgent,
  diskFolder,
  openJournal,
  openLines,
  pumpUsage,
  siteStateStore,
} from "@badgekey/device-agent";
import {
  type AgentTopic,
  type GatewayTopic,
  chainAfter,
  decodeTimeQuery,
  decodeUsagePacket,
  rowCommitment,
  signAcknowledgement,
  signTimeAnswer,
} from "@badgekey/shared";
import { type TestSite, testSite } from "@badgekey/shared/testing";

const MACHINE = "laser-1";

/** The other end of the agent's pipe: a gateway that answers the time and acknowledges every row, signed. */
class AnsweringUplink implements Uplink {
  readonly connected = true;
  rows = 0;
  #heartbeat = 1;
  #handlers: Parameters<Uplink["start"]>[0] | undefined;
  readonly #site: TestSite;
  readonly #now: () => number;

  constructor(site: TestSite, now: () => number) {
    this.#site = site;
    this.#now = now;
  }

  start(handlers: Parameters<Uplink["start"]>[0]): void {
    this.#handlers = handlers;
    handlers.onConnected();
  }

  publish(topic: AgentTopic, payload: Uint8Array): Promise<void> {
    const nonce = topic === "time-query" ? decodeTimeQuery(payload) : undefined;
    if (nonce) this.#deliver("time-answer", this.#answer(nonce));
    if (topic === "usage") this.#deliver("acknowledgement", this.#acknowledgement(payload));
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Publishes a new status list, as an admin who withdraws a badge does. */
  withdraw(statusIndex: number, version: number): void {
    const bytes = this.#site.status(version, { [statusIndex]: "revoked" });
    const objects = { ...this.#site.first, [this.#site.listName]: { version, bytes } };
    this.#handlers?.onObject(this.#site.listName, bytes);
    this.#heartbeat += 1;
    this.#handlers?.onObject("heartbeat", this.#site.heartbeat(objects, this.#heartbeat, this.#now()));
  }

  reconnect(): void {
    this.#handlers?.onDisconnected("the cable was pulled");
    this.#handlers?.onConnected();
  }

  #answer(nonce: Uint8Array): Uint8Array {
    const answer = { now: this.#now(), nonce, heartbeatVersion: this.#heartbeat, agent: MACHINE };
    return signTimeAnswer(answer, this.#site.site, this.#site.keys.online);
  }

  #acknowledgement(payload: Uint8Array): Uint8Array {
    const rows = decodeUsagePacket(payload);
    const last = rows.at(-1);
    if (!last) throw new Error("an empty packet");
    this.rows += rows.length;
    const upTo = { boot: last.boot, sequence: last.sequence };
    const ack = { upTo, chain: chainAfter(last, rowCommitment(last)), agent: MACHINE };
    return signAcknowledgement(ack, this.#site.site, this.#site.keys.online);
  }

  #deliver(topic: GatewayTopic, bytes: Uint8Array): void {
    // Not within `publish`: a broker answers later.
    setImmediate(() => this.#handlers?.onMessage(topic, bytes));
  }
}

/** A screen that keeps the last decision alone. */
class LastDecision implements Screen {
  decisions = 0;
  code = "";

  show(): void {
    return undefined;
  }

  decided({ code }: Parameters<Screen["decided"]>[0]): void {
    this.decisions += 1;
    this.code = code;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/**
 * One agent with a real journal, a real site-state cache and a real relay holder, on a clock that is moved by hand as
 * fast as all of them keep up; its folder is left to whoever started it.
 */
export async function startSoak() {
  const site = testSite({
    machines: { [MACHINE]: { name: "Laser cutter", requires: [[{ training: 1 }]], handover: "free" } },
  });
  const folder = mkdtempSync(path.join(os.tmpdir(), "badgekey-soak-"));
  const clock = new FakeClock();
  const now = () => site.at + clock.nowMs();
  const log = { debug: ignore, info: ignore, warn: ignore, error: console.error };
  const pipe = new AnsweringUplink(site, now);
  const journal = await openJournal({
    path: path.join(folder, "journal.sqlite"),
    site: site.site,
    agent: MACHINE,
    bootFloor: Math.floor(site.at / 1_000),
  });
  const { relay, inputs, indicator } = await openLines({ driver: "simulated" }, undefined, { scheduler: clock });
  const trust = site.client(MACHINE);
  const reader = new FakeReader();
  const screen = new LastDecision();
  let onStep: () => void = ignore;
  const agent = createAgent({
    agent: MACHINE,
    software: "badgekey-agent soak",
    signer: site.keys.agent,
    trust,
    store: siteStateStore({ disk: diskFolder(path.join(folder, "site-state")), roots: [site.rootBytes], log }),
    ...pumpUsage(journal, pipe, { log }),
    readers: [reader],
    relay,
    inputs,
    indicator,
    screen,
    clock,
    scheduler: clock,
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    log,
    onProgress: () => onStep(),
    onDefect: (error) => {
      throw error;
    },
  } satisfies AgentDeps);
  const started = agent.start();
  const starting = setInterval(() => void clock.advance(50), 1);
  await started;
  clearInterval(starting);
  return {
    site,
    folder,
    agent,
    clock,
    pipe,
    reader,
    screen,
    /** Resolves once the loop has finished its next step. */
    stepped: () =>
      new Promise<void>((resolve) => {
        onStep = resolve;
      }),
  };
}

function ignore(): void {
  return undefined;
}
