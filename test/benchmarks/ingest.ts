import { type ChildProcess, fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { toHex } from "@badgekey/shared";
import { type BenchGateway, type EnrolledAgent, enrolAgent, freePort, startGateway } from "../bench.js";
import type { LoadAnswer, LoadOrder } from "./load-process.js";
import { machine, median, rounded } from "./statistics.js";

const AGENTS = 200;
const IN_FLIGHT = 10;
const RUNS = 5;
const PACKETS_EACH = 300;
const PACED_PER_SECOND = 2_000;
const PACED_SECONDS = 4;

interface Figures {
  readonly eventsPerSecond: number;
  readonly p99Ms: number;
}

/**
 * 200 agents over TLS with client certificates, 10 packets in flight each, one record a packet: our gateway beside bare
 * aedes.
 */
export async function benchIngest(): Promise<Readonly<Record<string, unknown>>> {
  await using gateway = await startGateway();
  const agents = await enrolAll(gateway);
  const tls = serverTls(gateway);
  const bare = fork(built("bare-broker-process.js"));
  bare.send(tls);
  const [{ port: barePort }] = (await once(bare, "message")) as [{ port: number }];
  const mosquitto = await startMosquitto(tls);

  const ours = await startLoad(agents, gateway.site, gateway.brokerPort);
  const theirs = await startLoad(agents, gateway.site, barePort);
  const third = mosquitto && (await startLoad(agents, gateway.site, mosquitto.port));
  const runs: { ours: Figures; bare: Figures; mosquitto?: Figures }[] = [];
  let bytesEach = 0;
  for (let run = 0; run <= RUNS; run++) {
    const one = await ours.run();
    bytesEach = one.bytesEach ?? 0;
    const figures = {
      ours: figuresOf(one),
      bare: figuresOf(await theirs.run()),
      ...(third && { mosquitto: figuresOf(await third.run()) }),
    };
    if (run > 0) runs.push(figures); // the first warms all of them up
  }
  const pacedEach = (PACED_PER_SECOND * PACED_SECONDS) / AGENTS;
  const paced: LoadAnswer[] = [];
  for (let run = 0; run < RUNS; run++) {
    paced.push(await ours.run({ perSecond: PACED_PER_SECOND, packetsEach: pacedEach }));
  }
  const pacedMs = (pick: (answer: LoadAnswer) => number | undefined) =>
    median(paced.map((answer) => pick(answer) ?? Infinity));
  const pacedP99Ms = pacedMs((answer) => answer.p99Ms);
  for (const load of [ours, theirs, third]) load?.child.kill();
  bare.kill();
  mosquitto?.stop();

  const { counts } = (await gateway.call("GET", "/api/v1/status")) as { counts: { records: number } };
  const expected = AGENTS * (PACKETS_EACH * (RUNS + 1) + pacedEach * RUNS);
  const verified = (await gateway.call("GET", "/api/v1/log/verify")) as { rows: number; problems: unknown[] };
  const rate = (pick: (run: (typeof runs)[number]) => Figures | undefined) =>
    Math.round(median(runs.map((run) => pick(run)?.eventsPerSecond ?? 0)));
  const ourRate = rate((run) => run.ours);
  const bareRate = rate((run) => run.bare);
  const ratio = rounded(median(runs.map((run) => run.ours.eventsPerSecond / run.bare.eventsPerSecond)));
  return {
    benchmark: "ingest",
    machine: machine(),
    seed: "random salts and sessions",
    agents: AGENTS,
    inFlightEach: IN_FLIGHT,
    runs: RUNS,
    packetsARun: AGENTS * PACKETS_EACH,
    bytesEach,
    ours: { eventsPerSecond: ourRate, p99Ms: median(runs.map((run) => run.ours.p99Ms)) },
    bare: { eventsPerSecond: bareRate, p99Ms: median(runs.map((run) => run.bare.p99Ms)) },
    ...(third && { mosquitto: { eventsPerSecond: rate((run) => run.mosquitto) } }),
    ratio,
    paced: { perSecond: PACED_PER_SECOND, p50Ms: pacedMs((answer) => answer.p50Ms), p99Ms: pacedP99Ms },
    stored: { records: counts.records, expected, chainProblems: verified.problems.length },
    bars: { eventsPerSecond: 10_000, ratio: 0.4, pacedP99Ms: 50 },
    ok:
      ourRate >= 10_000 &&
      ratio >= 0.4 &&
      pacedP99Ms <= 50 &&
      counts.records >= expected &&
      verified.problems.length === 0,
  };
}

async function enrolAll(gateway: BenchGateway): Promise<EnrolledAgent[]> {
  const agents: EnrolledAgent[] = [];
  for (let i = 0; i < AGENTS; i++) agents.push(await enrolAgent(gateway, `load-${i}`));
  return agents;
}

/** The gateway's own server certificate serves the other brokers too: the same handshake for all. */
function serverTls(gateway: BenchGateway): { key: string; cert: string; ca: string } {
  const pem = readFileSync(path.join(gateway.dir, "data", "keys", "server.pem"), "utf8");
  const at = pem.indexOf("-----BEGIN CERTIFICATE-----");
  return {
    key: pem.slice(0, at),
    cert: pem.slice(at),
    ca: readFileSync(path.join(gateway.dir, "data", "ca.pem"), "utf8"),
  };
}

interface Load {
  readonly child: ChildProcess;
  run(paced?: { perSecond: number; packetsEach: number }): Promise<LoadAnswer>;
}

async function startLoad(agents: readonly EnrolledAgent[], site: Uint8Array, port: number): Promise<Load> {
  const child = fork(built("load-process.js"));
  const ended = once(child, "exit").then(() => {
    throw new Error("the load generator ended");
  });
  ended.catch(() => undefined); // its ordinary end is nobody's error
  const ask = async (order: LoadOrder): Promise<LoadAnswer> => {
    child.send(order);
    const [answer] = (await Promise.race([once(child, "message"), ended])) as [LoadAnswer];
    return answer;
  };
  const plain = agents.map(({ agent, certificate, key, ca }) => ({ agent, certificate, key, ca }));
  await ask({ kind: "connect", agents: plain, site: toHex(site), host: "127.0.0.1", port });
  return { child, run: (paced) => ask({ kind: "run", packetsEach: PACKETS_EACH, inFlight: IN_FLIGHT, ...paced }) };
}

function figuresOf(answer: LoadAnswer): Figures {
  return { eventsPerSecond: (answer.acknowledged ?? 0) / (answer.seconds ?? 1), p99Ms: answer.p99Ms ?? Number.NaN };
}

/** Mosquitto on the same load, where it is installed. */
async function startMosquitto(tls: {
  key: string;
  cert: string;
  ca: string;
}): Promise<{ port: number; stop(): void } | undefined> {
  if (spawnSync("mosquitto", ["-h"], { stdio: "ignore" }).error) return undefined;
  const dir = mkdtempSync(path.join(os.tmpdir(), "badgekey-mosquitto-"));
  const port = await freePort();
  for (const [name, text] of Object.entries(tls)) writeFileSync(path.join(dir, name), text);
  const lines = [
    "user root",
    `listener ${port} 127.0.0.1`,
    `cafile ${dir}/ca`,
    `certfile ${dir}/cert`,
    `keyfile ${dir}/key`,
    "require_certificate true",
    "use_identity_as_username true",
    "max_inflight_messages 0",
    "max_queued_messages 0",
  ];
  writeFileSync(path.join(dir, "conf"), `${lines.join("\n")}\n`);
  const child = spawn("mosquitto", ["-c", path.join(dir, "conf")], { stdio: "ignore" });
  for (let attempt = 0; !(await answers(port)); attempt++)
    if (attempt > 100) throw new Error("mosquitto does not listen");
  const stop = () => {
    child.kill();
    rmSync(dir, { recursive: true, force: true });
  };
  return { port, stop };
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const said = await Promise.race([
    once(socket, "connect").then(() => true),
    once(socket, "error").then(() => false),
  ]).catch(() => false);
  socket.destroy();
  if (!said) await new Promise((done) => setImmediate(done));
  return said;
}

function built(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
