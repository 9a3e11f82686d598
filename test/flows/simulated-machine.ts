import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { type Bench, type BenchState, openBench } from "@badgekey/admin";
import { type BadgeView, fromHex } from "@badgekey/shared";
import { type VirtualCard, ntagWithBadge } from "@badgekey/shared/testing";
import { type BenchGateway, type RunningProcess, killed, restartAgent, startAgent } from "../bench.js";

/** The agent's own window (device-agent interlock-times). */
const BOUNCE_MS = 800;

/** A machine with a real agent process and simulated reader, relay and screen; the test holds the cards. */
export class SimulatedMachine implements AsyncDisposable {
  #waiting: (() => void)[] = [];
  private constructor(
    readonly id: string,
    readonly gateway: BenchGateway,
    readonly bench: Bench,
    readonly dir: string,
    public agent: RunningProcess<unknown>,
  ) {}

  /**
   * Adds the machine, enrols its agent through its own command, and waits until it knows the machine's policy; with a
   * `screen` of another driver than the bench's, until its reader is there.
   */
  static async start(
    gateway: BenchGateway,
    id: string,
    machine: Readonly<Record<string, unknown>> = {},
    screen?: Readonly<Record<string, unknown>>,
  ): Promise<SimulatedMachine> {
    await gateway.call("POST", "/api/v1/machines", { id, name: id, ...machine });
    const dir = mkdtempSync(path.join(os.tmpdir(), "bk-"));
    const socketPath = path.join(dir, "bench");
    const listeners: { changed: () => void } = { changed: () => undefined };
    const bench = await openBench({
      socketPath,
      onChange: () => listeners.changed(),
      onTrouble: (detail) => {
        throw new Error(detail);
      },
    });
    const simulated = { driver: "simulated", socket: socketPath };
    const agent = await startAgent(gateway, id, {
      readers: [simulated],
      relay: simulated,
      screen: screen ?? simulated,
    });
    const started = new SimulatedMachine(id, gateway, bench, dir, agent);
    listeners.changed = () => {
      const waiting = started.#waiting;
      started.#waiting = [];
      for (const look of waiting) look();
    };
    await started.until(
      ({ readers, screen: shown }) => readers > 0 && (screen !== undefined || shown?.tone === "ready"),
    );
    return started;
  }

  /** Resolves once the bench shows it. */
  async until(there: (state: BenchState) => boolean): Promise<BenchState> {
    while (!there(this.bench.state)) await new Promise<void>((look) => this.#waiting.push(look));
    return this.bench.state;
  }

  /** Lays a card on the reader, waits for the verdict, takes the card away. */
  async tap(card: VirtualCard): Promise<string> {
    const before = this.bench.state.decision?.count ?? 0;
    this.bench.insert(card);
    const { decision } = await this.until((state) => (state.decision?.count ?? 0) > before);
    this.bench.remove();
    return decision?.code ?? "";
  }

  /**
   * Waits out the window in which the same card counts as the reader bouncing: the agent's clock cannot be moved from
   * here.
   */
  restsBeyondBounce(): Promise<void> {
    return after(BOUNCE_MS + 150);
  }

  /** Ends the agent without a word, as a power cut or the kernel would. */
  kill(): Promise<void> {
    return killed(this.agent.child);
  }

  async restart(): Promise<void> {
    this.agent = await restartAgent(this.gateway, this.id);
    await this.until(({ readers }) => readers > 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent.stop();
    await this.bench.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A card that carries a badge issued for it; each call takes the next UID. */
export async function issueCard(
  gateway: BenchGateway,
  person: string,
  grants: readonly { readonly training: string; readonly level?: number }[],
): Promise<{ readonly badge: BadgeView; readonly card: VirtualCard }> {
  const uid = `04${Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString("hex")}`;
  const badge = (await gateway.call("POST", "/api/v1/badges", { person, grants, cardUid: uid })) as BadgeView;
  return { badge, card: ntagWithBadge("NTAG215", fromHex(uid), fromHex(badge.bytes ?? "")) };
}
