import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigError, checkConfig } from "./config.js";

const program = fileURLToPath(new URL("../bin/badgekey-gateway.mjs", import.meta.url));

let directory: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "badgekey-main-"));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
});

function start(...args: readonly string[]) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  let errors = "";
  child.stderr.on("data", (text: Buffer) => (errors += text.toString()));
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, errors }));
  return { child, ended };
}

function writeConfig(http: number): string {
  const path = join(directory, "gateway.yaml");
  writeFileSync(
    path,
    `dataDir: data\nsiteName: Test\ntimeZone: UTC\nhttp: { port: ${http} }\nlog: { level: warn }\n` +
      "broker: { host: 127.0.0.1, port: 0, advertise: { host: 127.0.0.1, port: 0 } }\n",
  );
  return path;
}

describe("badgekey-gateway", () => {
  test("says once, in JSON, where it listens, and ends cleanly when told to", async () => {
    const { child, ended } = start("run", "--config", writeConfig(0));
    const [line] = (await once(createInterface(child.stdout), "line")) as [string];
    const ready = JSON.parse(line) as { event: string; http: string; broker: string; site: string };
    expect(ready).toMatchObject({ event: "ready", http: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) });
    expect(ready.site).toMatch(/^[0-9a-f]{64}$/);
    expect((await fetch(`${ready.http}/api/v1/health`)).status).toBe(200);
    expect(statSync(join(directory, "data", "admin-token")).mode & 0o777).toBe(0o600);

    const second = await start("run", "--config", writeConfig(0)).ended;
    expect(second).toMatchObject({ code: 1, errors: expect.stringMatching(/in use by another process/) });

    child.kill("SIGTERM");
    expect(await ended).toEqual({ code: 0, errors: "" });
    // A clean end leaves no journal of SQLite behind.
    expect(existsSync(join(directory, "data", "gateway.db-wal"))).toBe(false);
  });

  test("a taken port is an error with the way out", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const { code, errors } = await start("run", "--config", writeConfig(port)).ended;
    other.close();
    expect(code).toBe(1);
    expect(errors).toMatch(new RegExp(`error: port ${port} on 127\\.0\\.0\\.1 is taken`));
    expect(errors).toMatch(/hint: .*config file/);
  });

  test("wrong usage ends with 2, a missing config file with 1", async () => {
    expect((await start("run").ended).code).toBe(2);
    const missing = await start("run", "--config", join(directory, "none.yaml")).ended;
    expect(missing).toMatchObject({ code: 1, errors: expect.stringMatching(/cannot be read/) });
  });
});

describe("config", () => {
  test("every problem is told at once, with its path", () => {
    const bad = {
      dataDir: "",
      siteName: "x",
      timeZone: "Mars/Olympus",
      http: { port: 70_000, host: "0.0.0.0" },
      broker: { port: 1, advertise: {} },
      colour: 1,
    };
    try {
      checkConfig(bad);
      expect.fail("it is wrong");
    } catch (error) {
      const problems = error instanceof ConfigError ? error.problems.join("\n") : "";
      for (const path of ["dataDir", "timeZone", "http.port", "http.host", "broker.advertise.host", "colour"]) {
        expect(problems).toContain(path);
      }
    }
  });
});
