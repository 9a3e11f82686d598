import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type BadgeView, type ReceiptsView, toHex } from "@badgekey/shared";
import { type BenchGateway, type EnrolledAgent, enrolAgent, startAgent, startGateway } from "../bench.js";
import type { Applied, TrustClientsOrder } from "./trust-clients-process.js";
import { machine, median, percentile, rounded } from "./statistics.js";

const CLIENTS = 200;
const REAL_AGENTS = 3;
const RUNS = 5;
const REVOCATIONS = 4;

/**
 * Revoke → the verified list is in force: 200 simulated clients with the real trust client, and real agents by their
 * signed reports.
 */
export async function benchRevoke(): Promise<Readonly<Record<string, unknown>>> {
  await using gateway = await startGateway();
  await gateway.call("POST", "/api/v1/trainings", { number: 1, slug: "laser", name: "Laser cutter" });
  const person = (await gateway.call("POST", "/api/v1/people", { name: "Ada Bench" })) as { id: string };
  const agents: EnrolledAgent[] = [];
  for (let i = 0; i < CLIENTS; i++) agents.push(await enrolAgent(gateway, `sim-${i}`));
  const real = [];
  for (let i = 0; i < REAL_AGENTS; i++) {
    await gateway.call("POST", "/api/v1/machines", { id: `real-${i}`, name: `Machine ${i}` });
    real.push(
      await startAgent(gateway, `real-${i}`, {
        readers: [{ driver: "simulated", socket: path.join(gateway.dir, "nobody") }],
        relay: { driver: "simulated" },
      }),
    );
  }
  const clients = await connectClients(gateway, agents);

  const runs: { clients: number[]; agents: number[] }[] = [];
  for (let run = 0; run <= RUNS; run++) {
    const figures: { clients: number[]; agents: number[] } = { clients: [], agents: [] };
    for (let i = 0; i < REVOCATIONS; i++) {
      const badge = (await gateway.call("POST", "/api/v1/badges", {
        person: person.id,
        grants: [{ training: "laser" }],
        unbound: true,
      })) as BadgeView;
      const one = await revokeOnce(gateway, badge.id, clients);
      figures.clients.push(...one.clients);
      figures.agents.push(...one.agents);
    }
    if (run > 0) runs.push(figures); // the first warms up
  }
  clients.child.removeAllListeners("exit");
  clients.child.kill();
  await Promise.all(real.map((agent) => agent.stop()));

  const over = (pick: (run: (typeof runs)[number]) => number[], share: number) =>
    rounded(median(runs.map((run) => percentile(pick(run), share))));
  const all = (run: (typeof runs)[number]) => [...run.clients, ...run.agents];
  const p50Ms = over(all, 0.5);
  const p99Ms = over(all, 0.99);
  return {
    benchmark: "revoke",
    machine: machine(),
    seed: "random status indices",
    clients: CLIENTS,
    realAgents: REAL_AGENTS,
    runs: RUNS,
    revocationsARun: REVOCATIONS,
    samplesARun: runs[0] ? all(runs[0]).length : 0,
    p50Ms,
    p99Ms,
    simulated: { p50Ms: over((run) => run.clients, 0.5), p99Ms: over((run) => run.clients, 0.99) },
    realByReceipt: { p50Ms: over((run) => run.agents, 0.5), p99Ms: over((run) => run.agents, 0.99) },
    bars: { p50Ms: 300, p99Ms: 2_000 },
    ok: p50Ms <= 300 && p99Ms <= 2_000,
  };
}

interface Clients {
  readonly child: ReturnType<typeof fork>;
  readonly seen: Map<string, number>;
  /** Resolves once every client has `name` at `version`. */
  all(name: string, version: number): Promise<number[]>;
}

async function connectClients(gateway: BenchGateway, agents: readonly EnrolledAgent[]): Promise<Clients> {
  const child = fork(fileURLToPath(new URL("trust-clients-process.js", import.meta.url)));
  const seen = new Map<string, number>();
  let changed: () => void = () => undefined;
  child.on("message", (message: Applied | { kind: "connected" }) => {
    if (message.kind === "applied") seen.set(`${message.agent} ${message.name} ${message.version}`, message.at);
    changed();
  });
  child.once("exit", (code) => {
    throw new Error(`the simulated clients ended with ${String(code)}`);
  });
  const order: TrustClientsOrder = {
    agents: agents.map(({ agent, certificate, key, ca, roots }) => ({
      agent,
      certificate,
      key,
      ca,
      roots: roots.map(toHex),
    })),
    site: toHex(gateway.site),
    host: "127.0.0.1",
    port: gateway.brokerPort,
  };
  child.send(order);
  for (;;) {
    const [message] = (await once(child, "message")) as [{ kind: string }];
    if (message.kind === "connected") break;
  }
  const all = (name: string, version: number) =>
    new Promise<number[]>((done) => {
      const look = () => {
        const times = agents.map(({ agent }) => seen.get(`${agent} ${name} ${version}`));
        if (times.every((at) => at !== undefined)) done(times);
      };
      changed = look;
      look();
    });
  return { child, seen, all };
}

async function revokeOnce(
  gateway: BenchGateway,
  badge: string,
  clients: Clients,
): Promise<{ clients: number[]; agents: number[] }> {
  const revokedAt = performance.timeOrigin + performance.now();
  const { receipts } = (await gateway.call("POST", `/api/v1/badges/${badge}/revoke`, { reason: "benchmark" })) as {
    receipts: ReceiptsView;
  };
  const [times, agents] = await Promise.all([
    clients.all(receipts.object, receipts.version),
    realAgents(gateway, badge, revokedAt),
  ]);
  return { clients: times.map((at) => at - revokedAt), agents };
}

/**
 * Asks for receipts until the real agents' signed reports say it; each agent's time is that of the answer that names it
 * first.
 */
async function realAgents(gateway: BenchGateway, badge: string, revokedAt: number): Promise<number[]> {
  const seen = new Map<string, number>();
  while (seen.size < REAL_AGENTS) {
    const { seenBy } = (await gateway.call("GET", `/api/v1/badges/${badge}/receipts`)) as ReceiptsView;
    const now = performance.timeOrigin + performance.now();
    for (const agent of seenBy) if (agent.startsWith("real-") && !seen.has(agent)) seen.set(agent, now - revokedAt);
  }
  return [...seen.values()];
}
