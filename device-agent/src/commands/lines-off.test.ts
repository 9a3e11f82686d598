import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AgentFolder, type AgentProcess, agentFolder } from "../testing/agent-process.js";

let agent: AgentFolder;
beforeEach(async () => {
  agent = await agentFolder();
});
afterEach(() => agent.close());

const PINS =
  "readers: [{ driver: simulated, socket: bench }]\nrelay: { driver: sysfs, chipLabel: none-such, pin: 17 }\n";

interface Told {
  readonly code: number | NodeJS.Signals;
  readonly lines: readonly string[];
  readonly err: string;
}

async function told(run: AgentProcess, lines: number): Promise<Told> {
  await run.lines.first(lines);
  return { code: await run.ended, lines: run.lines.all, err: run.err() };
}
const off = (...options: readonly string[]) =>
  agent.start(["lines-off", ...options, "--config", agent.config], { RUNTIME_DIRECTORY: agent.folder });

const FAILED = expect.stringMatching(/^relay GPIO 17: failed: /) as unknown;

describe("badgekey-agent lines-off", () => {
  test("with simulated lines there is nothing to let go, and that is no failure", async () => {
    const lines = ["no output of this machine hangs on a pin of this controller"];
    expect(await told(off(), 1)).toEqual({ code: 0, lines, err: "" });
  });

  test("R2: a pin that nothing leads to is a failure that says which and why", async () => {
    await agent.configure(PINS);
    expect(await told(off(), 1)).toEqual({ code: 1, lines: [FAILED], err: "" });
  });

  test("R2: --in-use comes to the same end where the service kept nothing, or what cannot be used", async () => {
    await agent.configure(PINS);
    expect(await told(off("--in-use"), 1)).toEqual({ code: 1, lines: [FAILED], err: "" });
    await writeFile(join(agent.folder, "lines.json"), "{");
    const useless = expect.stringContaining("says of the wiring cannot be used") as unknown;
    expect(await told(off("--in-use"), 2)).toEqual({ code: 1, lines: [useless, FAILED], err: "" });
  });

  test("R2: pins that the signed policy named and the configuration does not are let go of as well", async () => {
    await mkdir(agent.dataDir, { recursive: true });
    const kept = { driver: { name: "auto" }, outputs: {}, lamps: { red: { pin: 20, activeLow: false } } };
    await writeFile(join(agent.dataDir, "lines.json"), JSON.stringify(kept));
    await agent.configure(PINS);
    const red = expect.stringMatching(/^red GPIO 20: /) as unknown;
    expect(await told(off(), 2)).toEqual({ code: 1, lines: [FAILED, red], err: "" });
  });

  test("a configuration that cannot be read is told with what to do, exit 1", async () => {
    const run = agent.start(["lines-off", "--config", join(agent.folder, "none.yaml")]);
    const err = expect.stringMatching(/the file cannot be read[^]*hint: /) as unknown;
    expect(await told(run, 0)).toEqual({ code: 1, lines: [], err });
  });
});
