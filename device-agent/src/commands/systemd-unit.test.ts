import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

/** The units as they are shipped, looked at by systemd's own tools where they are installed. */
const shipped = fileURLToPath(new URL("../../../deploy/systemd/", import.meta.url));
const readme = readFileSync(join(shipped, "README.md"), "utf8");
const agentUnit = readFileSync(join(shipped, "badgekey-agent@.service"), "utf8");
const version = systemdVersion();
/** Keys that systemd 252 (Debian 12) does not know yet; it ignores them. */
const SINCE_254 = /Unknown key( name)? '(RestartSteps|RestartMaxDelaySec)'/;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "badgekey-units-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function systemdVersion(): number | undefined {
  const run = spawnSync("systemd-analyze", ["--version"], { encoding: "utf8" });
  const found = /^systemd (\d+)/.exec(run.stdout)?.[1];
  return found === undefined ? undefined : Number(found);
}

function analyze(...args: readonly string[]): string {
  const run = spawnSync("systemd-analyze", args, { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } });
  return `${run.stdout}${run.stderr}`;
}

/** What README.md says of a unit: the systemd it was measured with, and the figure. */
function recorded(unit: string): { readonly systemd: number; readonly exposure: number } {
  const row = new RegExp(`^\\| \`${unit}\` +\\| (\\d+) +\\| ([\\d.]+) +\\|$`, "m").exec(readme);
  if (!row) throw new Error(`README.md records no figure for ${unit}`);
  return { systemd: Number(row[1]), exposure: Number(row[2]) };
}

/** The values of a key, in order. */
function settings(key: string): readonly string[] {
  return agentUnit.split("\n").flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []));
}

describe.skipIf(version === undefined)("the shipped units, by systemd's own tools", () => {
  test.each(["badgekey-agent@.service", "badgekey-kiosk.service"])("%s is no more open than recorded", (unit) => {
    const said = /exposure level for \S+: ([\d.]+)/.exec(
      analyze("security", "--offline=true", "--no-pager", join(shipped, unit)),
    );
    const { systemd, exposure } = recorded(unit);
    expect(Number(said?.[1])).toBeLessThanOrEqual(systemd === version ? exposure : exposure + 0.5);
  });

  test.each(["badgekey-agent@.service", "badgekey-kiosk.service"])("%s is a unit without mistakes", (unit) => {
    // The programs are not installed where the tests run; any that is there stands for them.
    const text = readFileSync(join(shipped, unit), "utf8").replaceAll(
      /(?<==-?)\/usr\/bin\/(badgekey-agent|cage)/g,
      "/bin/true",
    );
    const file = join(folder, unit.replace("@", "@laser-1"));
    writeFileSync(file, text);
    const complaints = analyze("verify", "--man=no", file)
      .split("\n")
      .filter((line) => line.includes(folder) || line.startsWith("badgekey"))
      .filter((line) => !((version ?? 0) < 254 && SINCE_254.test(line)));
    expect(complaints).toEqual([]);
  });

  test("users, groups and folders are such as sysusers and tmpfiles make them", () => {
    const root = join(folder, "root");
    for (const inside of ["etc", "var/lib"]) mkdirSync(join(root, inside), { recursive: true });
    const users = spawnSync("systemd-sysusers", [`--root=${root}`, join(shipped, "badgekey.sysusers.conf")], {
      encoding: "utf8",
    });
    expect(users.stderr + users.stdout).not.toMatch(/fail|invalid|unknown|error/i);
    expect(readFileSync(join(root, "etc/passwd"), "utf8")).toMatch(/^badgekey-agent:.*nologin$/m);
    expect(readFileSync(join(root, "etc/group"), "utf8")).toMatch(/^gpio:x:\d+:badgekey-agent$/m);
  });
});

describe("what SAFETY asks of the agent's unit", () => {
  test("R2: every end is followed by lines-off, whose failure shows; every start is preceded by it, whose failure does not stop the start", () => {
    expect(settings("ExecStopPost")).toEqual([
      "/usr/bin/badgekey-agent lines-off --in-use --config /etc/badgekey/%i.yaml",
    ]);
    expect(settings("ExecStartPre")).toEqual([
      "-/usr/bin/badgekey-agent lines-off --in-use --config /etc/badgekey/%i.yaml",
    ]);
    expect(settings("ExecStart")).toEqual(["/usr/bin/badgekey-agent run --config /etc/badgekey/%i.yaml"]);
  });

  test("R9: a watchdog fed by the agent's own process alone, and a guard that ends a boot loop", () => {
    expect(settings("Type")).toEqual(["notify"]);
    expect(settings("NotifyAccess")).toEqual(["main"]);
    expect(Number(settings("WatchdogSec")[0])).toBeGreaterThanOrEqual(2);
    expect(Number(settings("WatchdogSec")[0])).toBeLessThanOrEqual(10);
    expect(Number(settings("StartLimitBurst")[0])).toBeGreaterThan(1);
    // The slowest five starts must still fall into the interval, else the guard never bites.
    const slowest = Number(settings("RestartMaxDelaySec")[0]) + Number(settings("TimeoutStopSec")[0]);
    expect(slowest * Number(settings("StartLimitBurst")[0])).toBeLessThan(Number(settings("StartLimitIntervalSec")[0]));
  });

  test("R14: a helper that runs out of memory does not take the agent with it, and none outlives the agent", () => {
    expect(settings("OOMPolicy")).toEqual(["continue"]);
    expect(settings("KillMode")).toEqual(["mixed"]);
  });

  test("each line that a person may ask about stands in README.md", () => {
    for (const key of [
      "ExecStopPost",
      "WatchdogSec",
      "OOMPolicy",
      "KillMode",
      "StartLimitBurst",
      "MemoryDenyWriteExecute",
    ]) {
      expect(readme).toContain(key);
    }
  });
});
