import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type * as adminPackage from "@badgekey/admin";
import { fromHex } from "@badgekey/shared";
import { type VirtualCard, ntagWithBadge } from "@badgekey/shared/testing";
import { type AgentCards, DATA, DRIVERS, type MachineId, PINS } from "./agent-site.js";
import { until } from "./cases.js";
import type { SimulatedChip } from "./gpio-sim.js";

const FOLDER = "/run/badgekey-bench";

/** An agent's reader and screen end here; its relay and contacts are the guest's own lines. */
export interface AgentBench {
  readonly machine: MachineId;
  readonly pin: number;
  /** The card that opens the machine. */
  readonly trained: VirtualCard;
  readonly strangers: readonly VirtualCard[];
  readonly state: adminPackage.BenchState;
  lay(card: VirtualCard): void;
  take(): void;
  /** Lays a card on the reader, waits for the verdict and takes it away; resolves with the verdict's code. */
  tap(card: VirtualCard): Promise<string>;
  /** Resolves when the agent's reader is connected and its screen shows something. */
  ready(): Promise<void>;
}

export function mountDisk(): void {
  mkdirSync(DATA, { recursive: true });
  execFileSync("mount", ["-t", "ext4", "/dev/vda", DATA]);
}

/** Opens the bench of one agent and writes its configuration. */
export async function openAgentBench(machine: MachineId, chip: SimulatedChip): Promise<AgentBench> {
  // The package's one entry loads the whole command line, which takes many seconds in an emulated machine.
  const built = new URL("../../../../admin/dist/demo/bench.js", import.meta.url);
  const { openBench } = (await import(built.href)) as typeof adminPackage;
  mkdirSync(FOLDER, { recursive: true });
  mkdirSync("/etc/badgekey", { recursive: true });
  const socketPath = `${FOLDER}/${machine}`;
  const bench = await openBench({
    socketPath,
    onChange: () => undefined,
    onTrouble: (detail) => process.stderr.write(`bench: ${detail}\n`),
  });
  // The agent has a user of its own.
  chmodSync(socketPath, 0o777);
  const simulated = { driver: "simulated", socket: socketPath };
  const config = {
    agent: machine,
    dataDir: `${DATA}/${machine}`,
    readers: [simulated],
    relay: { driver: DRIVERS[machine], ...(DRIVERS[machine] === "sysfs" && { pin: PINS[machine].relay }) },
    screen: simulated,
  };
  writeFileSync(`/etc/badgekey/${machine}.yaml`, JSON.stringify(config));
  chip.pull(PINS[machine].relay, "down");
  chip.pull(PINS[machine].problemButton, "down");
  const cards = readCards();
  const cardOf = ({ uid, badge }: AgentCards["trained"]): VirtualCard =>
    ntagWithBadge("NTAG215", fromHex(uid), fromHex(badge));
  return {
    machine,
    pin: PINS[machine].relay,
    trained: cardOf(cards.trained),
    strangers: cards.strangers.map(cardOf),
    get state() {
      return bench.state;
    },
    lay: (card) => bench.insert(card),
    take: () => bench.remove(),
    tap: async (card) => {
      const before = bench.state.decision?.count ?? 0;
      bench.insert(card);
      await until(`a verdict of ${machine}`, () => (bench.state.decision?.count ?? 0) > before);
      bench.remove();
      return bench.state.decision?.code ?? "";
    },
    ready: () =>
      until(`${machine} is ready`, () => bench.state.readers > 0 && bench.state.screen !== undefined, 120_000),
  };
}

export function readCards(): AgentCards {
  return JSON.parse(readFileSync(`${DATA}/cards.json`, "utf8")) as AgentCards;
}
