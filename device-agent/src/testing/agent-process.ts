import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeEnrolment } from "../enrolment/enrolment-file.js";
import { enrol } from "../enrolment/enrol.js";
import { Events } from "./events.js";
import { startEnrolmentServer } from "./fake-enrolment-server.js";

const program = fileURLToPath(new URL("../../bin/badgekey-agent.mjs", import.meta.url));

/** A folder with a configuration, and an agent's identity if asked for; the program runs as a person would start it. */
export interface AgentFolder {
  readonly folder: string;
  readonly config: string;
  readonly dataDir: string;
  configure(yaml: string): Promise<void>;
  /** Enrols at a site whose gateway is at `broker`; none answers there unless told. */
  enrol(broker?: { readonly host: string; readonly port: number }): ReturnType<typeof startEnrolmentServer>;
  start(args: readonly string[], env?: Readonly<Record<string, string>>): AgentProcess;
  close(): Promise<void>;
}

export interface AgentProcess {
  readonly child: ChildProcess;
  /** Lines on standard output. */
  readonly lines: Events<string>;
  readonly err: () => string;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

export const SIMULATED = "readers: [{ driver: simulated, socket: bench }]\nrelay: { driver: simulated }\n";

export async function agentFolder(): Promise<AgentFolder> {
  const folder = await mkdtemp(join(tmpdir(), "badgekey-run-"));
  const config = join(folder, "agent.yaml");
  const dataDir = join(folder, "data");
  const running = new Set<AgentProcess>();
  const servers: Awaited<ReturnType<typeof startEnrolmentServer>>[] = [];
  const configure = (yaml: string) => writeFile(config, `agent: laser-1\ndataDir: data\n${yaml}`);
  await configure(SIMULATED);
  return {
    folder,
    config,
    dataDir,
    configure,
    async enrol(broker = { host: "127.0.0.1", port: 9 }) {
      const server = await startEnrolmentServer({ now: Date.now() });
      servers.push(server);
      const enrolment = await enrol(server.invite, { random: (length) => new Uint8Array(length).fill(7) });
      await writeEnrolment(dataDir, { ...enrolment, broker });
      return server;
    },
    start(args, env = {}) {
      const started = startProcess(args, env);
      running.add(started);
      void started.ended.then(() => running.delete(started));
      return started;
    },
    async close() {
      for (const { child } of running) child.kill("SIGKILL");
      await Promise.all([...running].map(({ ended }) => ended));
      await Promise.all(servers.map((server) => server.close()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function startProcess(args: readonly string[], env: Readonly<Record<string, string>>): AgentProcess {
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  const lines = new Events<string>();
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
    const whole = out.split("\n");
    out = whole.pop() ?? "";
    for (const line of whole) lines.add(line);
  });
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  child.stdin.end();
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once("close", (code, signal) => resolve(code ?? signal ?? "SIGKILL"));
  });
  return { child, lines, err: () => err, ended };
}
