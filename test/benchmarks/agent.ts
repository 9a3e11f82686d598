import { readFileSync } from "node:fs";
import { restartAgent, startAgent, startGateway } from "../bench.js";
import { Pcscd, READERS } from "../hardware/pcscd.js";
import { isInside, runInside } from "./inside.js";
import { machine, median, rounded } from "./statistics.js";

const STARTS = 5;

/** What an agent with the real reader driver takes: memory of all its processes, and time from start to ready. */
export async function benchAgent(): Promise<Readonly<Record<string, unknown>>> {
  if (!isInside()) return runInside("agent");
  const pcscd = await Pcscd.start();
  try {
    await using gateway = await startGateway();
    await gateway.call("POST", "/api/v1/machines", { id: "laser-1", name: "Laser cutter" });
    let agent = await startAgent(gateway, "laser-1", {
      readers: [{ driver: "pcsc", name: READERS[0] }],
      relay: { driver: "simulated" },
    });
    const readyMs: number[] = [];
    const mainMb: number[] = [];
    const allMb: number[] = [];
    let processes = 0;
    for (let start = 0; start < STARTS; start++) {
      if (start > 0) agent = await restartAgent(gateway, "laser-1");
      readyMs.push(agent.readyMs);
      await applied(gateway.call);
      const sizes = familyOf(agent.child.pid as number).map(residentMb);
      processes = sizes.length;
      mainMb.push(sizes[0] ?? 0);
      allMb.push(sizes.reduce((sum, one) => sum + one, 0));
      await agent.stop();
    }
    const figures = {
      readyMs: rounded(median(readyMs), 0),
      mainMb: rounded(median(mainMb), 1),
      allMb: rounded(median(allMb), 1),
    };
    return {
      benchmark: "agent",
      machine: machine(),
      seed: "none",
      starts: STARTS,
      processes,
      ...figures,
      bars: { readyMs: 2_000, mainMb: 110, allMb: 220 },
      ok: figures.readyMs <= 2_000 && figures.mainMb <= 110 && figures.allMb <= 220,
    };
  } finally {
    await pcscd.stop();
  }
}

/** Waits until the agent is connected and has told in a signed report that it holds the lists. */
async function applied(call: (method: string, route: string) => Promise<unknown>): Promise<void> {
  for (;;) {
    const [agent] = (await call("GET", "/api/v1/agents")) as {
      connected: boolean;
      report: { applied: Record<string, number> } | null;
    }[];
    if (agent?.connected && agent.report && "policy" in agent.report.applied) return;
  }
}

/** A process and all its descendants. */
function familyOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  return [pid, ...children.flatMap(familyOf)];
}

function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
}
