import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type * as adminPackage from "@badgekey/admin";
import type { VirtualCard } from "@badgekey/shared/testing";
import { AGENT, type AgentCards, DATA, PINS } from "./agent-site.js";
import { pause, until } from "./cases.js";
import type { SimulatedChip } from "./gpio-sim.js";
import type { WatchedPin } from "./watched-pin.js";

/** A card that was just there counts as still there. */
const BOUNCE_MS = 1200;
const SOCKET = "/run/badgekey-bench/socket";

/** The agent's reader and screen end here; its relay and contacts are the guest's own lines. */
export interface AgentBench {
  /** The card that opens the machine. */
  readonly trained: VirtualCard;
  readonly steward: VirtualCard;
  readonly strangers: readonly VirtualCard[];
  readonly state: adminPackage.BenchState;
  lay(card: VirtualCard): void;
  take(): void;
  /** Lays a card on the reader, waits for the verdict and takes it away; resolves with the verdict's code. */
  tap(card: VirtualCard): Promise<string>;
  /** Taps the trained card and waits for the closed relay. */
  startUse(relay: WatchedPin): Promise<void>;
  /** Resolves when the agent's reader is connected and its screen shows something. */
  ready(): Promise<void>;
}

export function mountDisk(): void {
  mkdirSync(DATA, { recursive: true });
  execFileSync("mount", ["-t", "ext4", "/dev/vda", DATA]);
}

/** The agent's configuration, and its contacts at rest. */
export function setUpAgent(chip: SimulatedChip): void {
  mkdirSync("/etc/badgekey", { recursive: true });
  const simulated = { driver: "simulated", socket: SOCKET };
  const config = {
    agent: AGENT,
    dataDir: `${DATA}/${AGENT}`,
    readers: [simulated],
    relay: { driver: "sysfs" },
    screen: simulated,
  };
  writeFileSync(`/etc/badgekey/${AGENT}.yaml`, JSON.stringify(config));
  chip.pull(PINS.problemButton, "down");
}

/** Opens the agent's bench. The agent, which starts meanwhile, finds it. */
export async function openAgentBench(): Promise<AgentBench> {
  const { fromHex } = await import("@badgekey/shared");
  const { ntagWithBadge } = await import("@badgekey/shared/testing");
  // The package's one entry loads the whole command line, which takes many seconds in an emulated machine.
  const built = new URL("../../../../admin/dist/demo/bench.js", import.meta.url);
  const { openBench } = (await import(built.href)) as typeof adminPackage;
  mkdirSync(dirname(SOCKET), { recursive: true });
  const bench = await openBench({
    socketPath: SOCKET,
    onChange: () => undefined,
    onTrouble: (detail) => process.stderr.write(`bench: ${detail}\n`),
  });
  // The agent has a user of its own.
  chmodSync(SOCKET, 0o777);
  const cards = readCards();
  const cardOf = ({ uid, badge }: AgentCards["trained"]): VirtualCard =>
    ntagWithBadge("NTAG215", fromHex(uid), fromHex(badge));
  const trained = cardOf(cards.trained);
  const tap = async (card: VirtualCard): Promise<string> => {
    const before = bench.state.decision?.count ?? 0;
    bench.insert(card);
    await until("a verdict", () => (bench.state.decision?.count ?? 0) > before);
    bench.remove();
    return bench.state.decision?.code ?? "";
  };
  return {
    trained,
    steward: cardOf(cards.steward),
    strangers: cards.strangers.map(cardOf),
    get state() {
      return bench.state;
    },
    lay: (card) => bench.insert(card),
    take: () => bench.remove(),
    tap,
    startUse: async (relay) => {
      await pause(BOUNCE_MS);
      const code = await tap(trained);
      if (code !== "ACCEPTED") throw new Error(`the trained card was refused: ${code}`);
      await relay.closed();
    },
    ready: () =>
      until("the agent is ready", () => bench.state.readers > 0 && bench.state.screen !== undefined, 120_000),
  };
}

export function readCards(): AgentCards {
  return JSON.parse(readFileSync(`${DATA}/cards.json`, "utf8")) as AgentCards;
}
