import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ConfigError } from "./config-error.js";
import { parseConfig, readConfig } from "./config.js";

const good = `
agent: laser-1
dataDir: data
readers:
  - driver: pcsc
relay:
  driver: auto
  pin: 17
`;

function problemsOf(yaml: string): readonly string[] {
  try {
    parseConfig(yaml, "agent.yaml");
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error("the configuration was taken");
}

describe("config", () => {
  test("a short file is enough; the rest has defaults and paths count from the file's folder", () => {
    const config = parseConfig(good, "/etc/badgekey/agent.yaml");
    expect(config).toEqual({
      agent: "laser-1",
      dataDir: "/etc/badgekey/data",
      readers: [{ driver: "pcsc" }],
      relay: { driver: "auto", pin: 17 },
      log: { level: "info" },
    });
  });

  test("simulated drivers, another broker address and the log level", () => {
    const config = parseConfig(
      `
agent: saw-2
dataDir: /var/lib/badgekey-agent
readers: [{ driver: simulated, socket: bench/reader }, { driver: pcsc, name: ACR122U }]
relay: { driver: simulated, socket: /run/bench/relay }
screen: { driver: simulated, socket: bench/screen }
gateway: { host: 127.0.0.1, port: 18883 }
log: { level: debug }
`,
      "/srv/agent.yaml",
    );
    expect(config.readers).toEqual([
      { driver: "simulated", socket: "/srv/bench/reader" },
      { driver: "pcsc", name: "ACR122U" },
    ]);
    expect(config.relay).toEqual({ driver: "simulated", socket: "/run/bench/relay" });
    expect(config.screen).toEqual({ driver: "simulated", socket: "/srv/bench/screen" });
    expect(config.gateway).toEqual({ host: "127.0.0.1", port: 18_883 });
    expect(config.log).toEqual({ level: "debug" });
  });

  test("every problem is told at once, with its path and what to write instead", () => {
    const problems = problemsOf(`
agnt: laser-1
agent: Laser 1
readers: [{ driver: pcc }, { driver: pcsc, nam: x }, { driver: simulated }]
relay: { driver: auto, pin: "17" }
screen: { driver: hdmi }
gateway: { host: "http://x", port: 0 }
log: { level: loud }
`);
    expect(problems).toEqual([
      "agent: use 1 to 32 of a-z, 0-9 and inner hyphens, such as laser-1",
      "dataDir: write the folder for the agent's data, such as /var/lib/badgekey-agent",
      "readers.0.driver: write one of pcsc, simulated",
      'readers.1: unknown key "nam": remove it or correct its name',
      "readers.2.socket: write the path of the bench's socket",
      "relay.pin: write the GPIO (BCM) number of the relay's pin, such as 17",
      "screen.driver: write one of page, simulated",
      "gateway.host: write a host name or an IP address, without port or path",
      "gateway.port: write a port number from 1 to 65535",
      "log.level: write one of debug, info, warn, error",
      'unknown key "agnt": remove it or correct its name',
    ]);
  });

  test.each([
    ["pin: 17, activeLow: true", "relay.pin: pin 17 is not pulled up at power-up"],
    ["pin: 5", "relay.pin: pin 5 is not pulled down at power-up"],
    ["pin: 14", "relay.pin: pin 14 is the serial port"],
    ["pin: 40", "relay.pin: pin 40 is no BCM number"],
  ])("R1: a pin that is not safe at power-up is refused: %s", (relay, problem) => {
    expect(problemsOf(good.replace("pin: 17", relay.replace(", ", "\n  ")))[0]).toContain(problem);
  });

  test("several readers must each be named, and differently", () => {
    const several = (readers: string) => problemsOf(good.replace("  - driver: pcsc\n", readers));
    expect(several("  - driver: pcsc\n  - { driver: pcsc, name: ACR }\n")).toEqual([
      "readers.0.name: with several pcsc readers, write which one this is",
    ]);
    expect(several("  - { driver: pcsc, name: ACR }\n  - { driver: pcsc, name: ACR }\n")).toEqual([
      "readers.1.name: another reader has this name already",
    ]);
  });

  test.each([
    ["nothing at all", "", "write the keys agent, dataDir, readers and relay"],
    ["a list", "- a\n- b\n", "write the keys agent, dataDir, readers and relay"],
    ["no YAML", "agent: [\n", "at line"],
    ["a key twice", `${good}agent: other\n`, "Map keys must be unique"],
    ["too long a socket path", good.replace(/pin: 17/, `pin: 17\nscreen: { driver: simulated, socket: ${"x".repeat(200)} }`), "use at most 107 characters"], // prettier-ignore
  ])("refuses %s", (_what, yaml, problem) => {
    expect(problemsOf(yaml).join("\n")).toContain(problem);
  });

  test("a socket path that grows too long from the file's folder is refused too", () => {
    const yaml = good.replace("pin: 17", "pin: 17\nscreen: { driver: simulated, socket: s }");
    expect(() => parseConfig(yaml, `/${"x".repeat(120)}/agent.yaml`)).toThrow("use a shorter folder");
  });

  test("aliases cannot blow the file up", () => {
    const bomb = Array.from({ length: 20 }, (_, i) => `k${i}: &a${i} [${`*a${Math.max(0, i - 1)},`.repeat(i && 9)} x]`);
    expect(() => parseConfig(bomb.join("\n"), "agent.yaml")).toThrow(ConfigError);
  });

  test("a file that is absent or too large is refused before it is parsed", async () => {
    const folder = await mkdtemp(join(tmpdir(), "badgekey-config-"));
    try {
      const file = join(folder, "agent.yaml");
      await expect(readConfig(file)).rejects.toThrow("cannot be read (ENOENT): name it with --config");
      await writeFile(file, `# ${"x".repeat(70_000)}`);
      await expect(readConfig(file)).rejects.toThrow("at most 65536 are read");
      await writeFile(file, good);
      expect((await readConfig(file)).dataDir).toBe(join(folder, "data"));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
