import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { createAgentRequest } from "@badgekey/device-agent";
import {
  type Signer,
  decodeInvite,
  enrolView,
  fromHex,
  inviteView,
  randomBytes,
  sha256,
  signerOf,
  toHex,
} from "@badgekey/shared";

const resolve = createRequire(import.meta.url).resolve;

/** The built program of a package: what a person would run. */
export function program(name: "gateway" | "device-agent" | "admin"): string {
  const folder = path.dirname(resolve(`@badgekey/${name}/package.json`));
  const bin = { gateway: "badgekey-gateway", "device-agent": "badgekey-agent", admin: "badgekey" }[name];
  return path.join(folder, "bin", `${bin}.mjs`);
}

/** A process that told in one JSON line that it is ready. */
export interface RunningProcess<Ready> {
  readonly child: ChildProcess;
  readonly ready: Ready;
  /** Milliseconds from spawn to the ready line. */
  readonly readyMs: number;
  stop(): Promise<void>;
}

/** Starts a program of ours and waits for its ready line; throws with what it said where it ends before. */
export async function startProgram<Ready>(
  name: "gateway" | "device-agent",
  args: readonly string[],
): Promise<RunningProcess<Ready>> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [program(name), ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-8_000);
  });
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`${name} ended with ${String(code)} before it was ready:\n${said}`);
  });
  const [line] = (await Promise.race([once(lines, "line"), ended])) as [string];
  ended.catch(() => undefined); // its later, ordinary end is nobody's error
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  };
  return { child, ready: JSON.parse(line) as Ready, readyMs: performance.now() - startedAt, stop };
}

export interface BenchGateway extends AsyncDisposable {
  readonly dir: string;
  readonly brokerPort: number;
  readonly site: Uint8Array;
  /** Calls the API with the admin token; throws with the problem where it is refused. */
  call(method: string, route: string, body?: unknown): Promise<unknown>;
  stop(): Promise<void>;
  /** Ends it without a word, as a power cut would. */
  kill(): Promise<void>;
  /** Starts it again over the same data. */
  restart(): Promise<void>;
}

/** A real gateway process on free ports, in a folder of its own. */
export async function startGateway(
  options: { readonly dir?: string; readonly heartbeatSeconds?: number } = {},
): Promise<BenchGateway> {
  const dir = options.dir ?? mkdtempSync(path.join(os.tmpdir(), "badgekey-bench-"));
  const config = path.join(dir, "gateway.yaml");
  const brokerPort = await freePort();
  writeFileSync(
    config,
    JSON.stringify({
      dataDir: "data",
      siteName: "Bench",
      timeZone: "UTC",
      http: { port: 0 },
      broker: { host: "127.0.0.1", port: brokerPort, advertise: { host: "127.0.0.1", port: brokerPort } },
      heartbeatSeconds: options.heartbeatSeconds ?? 300,
      log: { level: "warn" },
    }),
  );
  const start = () => startProgram<{ http: string; site: string }>("gateway", ["run", "--config", config]);
  let running = await start();
  const token = readFileSync(path.join(dir, "data", "admin-token"), "utf8").trim();
  const stop = () => running.stop();
  return {
    dir,
    brokerPort,
    site: fromHex(running.ready.site),
    stop,
    kill: () => killed(running.child),
    async restart() {
      running = await start();
    },
    call: (method, route, body) => call(running.ready.http, token, method, route, body),
    async [Symbol.asyncDispose]() {
      await stop();
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Ends a process at once and waits until it is gone. */
export async function killed(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

async function call(base: string, token: string, method: string, route: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${base}${route}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { "content-type": "application/json" }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

/** An agent enrolled by the bench itself: everything a client needs, no process behind it. */
export interface EnrolledAgent {
  readonly agent: string;
  readonly certificate: string;
  readonly key: string;
  readonly ca: string;
  readonly roots: readonly Uint8Array[];
  readonly site: Uint8Array;
  readonly signer: Signer;
}

/** Adds a machine of the agent's name and enrols the agent as its Pi would. */
export async function enrolAgent(
  gateway: BenchGateway,
  agent: string,
  machine: Readonly<Record<string, unknown>> = {},
): Promise<EnrolledAgent> {
  await gateway.call("POST", "/api/v1/machines", { id: agent, name: agent, ...machine });
  const { line } = inviteView.parse(await gateway.call("POST", "/api/v1/agents/invite", { agent }));
  const invite = decodeInvite(line);
  if (!invite.ok) throw new Error(`the invite is refused: ${invite.code}`);
  const { keyPem, requestPem } = await createAgentRequest({ agent });
  const signer = signerOf(randomBytes(32));
  const enrolled = enrolView.parse(
    await gateway.call("POST", "/api/v1/enrol", {
      agent,
      secret: toHex(invite.value.secret),
      certificateRequest: requestPem,
      agentKey: toHex(signer.publicKey),
    }),
  );
  const roots = enrolled.roots.map(fromHex);
  return {
    agent,
    certificate: enrolled.certificate,
    key: keyPem,
    ca: enrolled.ca,
    roots,
    site: sha256(roots[0] as Uint8Array),
    signer,
  };
}

export interface AgentReady {
  readonly event: "ready";
  readonly agent: string;
  readonly machine: string;
}

/** A real agent process, enrolled through its own command by a pasted line. */
export async function startAgent(
  gateway: BenchGateway,
  agent: string,
  config: { readonly readers: readonly unknown[]; readonly relay: unknown; readonly screen?: unknown },
): Promise<RunningProcess<AgentReady>> {
  const file = path.join(gateway.dir, `${agent}.yaml`);
  mkdirSync(path.join(gateway.dir, agent), { recursive: true });
  writeFileSync(file, JSON.stringify({ agent, dataDir: agent, log: { level: "warn" }, ...config }));
  const { line } = inviteView.parse(await gateway.call("POST", "/api/v1/agents/invite", { agent }));
  const enrol = spawn(process.execPath, [program("device-agent"), "enroll", "--config", file], {
    stdio: ["pipe", "ignore", "pipe"],
  });
  enrol.stdin.end(`${line}\n`);
  let said = "";
  enrol.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(enrol, "exit")) as [number];
  if (code !== 0) throw new Error(`enroll ended with ${code}:\n${said}`);
  return restartAgent(gateway, agent);
}

/** Runs an agent that `startAgent` has enrolled. */
export function restartAgent(gateway: BenchGateway, agent: string): Promise<RunningProcess<AgentReady>> {
  return startProgram<AgentReady>("device-agent", ["run", "--config", path.join(gateway.dir, `${agent}.yaml`)]);
}

/** A TCP port nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
