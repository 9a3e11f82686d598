import { describe, expect, test } from "vitest";
import { checkClock, checkKernel, checkUnit, unitOf } from "./check-system.js";
import type { Finding } from "./finding.js";

const config = "/etc/badgekey/laser-1.yaml";
const healthy = {
  LoadState: "loaded",
  ActiveState: "active",
  SubState: "running",
  Result: "success",
  NRestarts: "0",
  ExecMainStatus: "0",
  UnitFileState: "enabled",
  FragmentPath: "/etc/systemd/system/badgekey-agent@.service",
  Type: "notify",
  WatchdogUSec: "5s",
  ExecStopPost: "{ path=/usr/bin/badgekey-agent ; argv[]=/usr/bin/badgekey-agent lines-off --config x }",
  StatusText: "guards Laser",
};

const systemctl = (facts: Partial<typeof healthy>, installed?: string) => ({
  run: (program: string) =>
    Promise.resolve(
      program === "systemctl"
        ? Object.entries({ ...healthy, ...facts })
            .map(([name, value]) => `${name}=${value}\n`)
            .join("")
        : undefined,
    ),
  read: (path: string) => Promise.resolve(path.startsWith("/etc/systemd/") ? installed : "as shipped"),
});

const told = (findings: readonly Finding[]) =>
  findings.map(({ check, state, detail }) => `${state} ${check}: ${detail}`);
const unit = async (facts: Partial<typeof healthy>, file = config) => checkUnit(file, systemctl(facts, "as shipped"));

describe("doctor looks at the service", () => {
  test("a unit that runs as shipped", async () => {
    expect(unitOf("/etc/badgekey/saw-2.yml")).toBe("badgekey-agent@saw-2.service");
    expect(told(await unit({}))).toEqual([
      "ok service: badgekey-agent@laser-1.service runs: guards Laser",
      "ok watchdog: replaces a hung agent after 5s",
    ]);
  });

  test("R15: an agent that says its time is not confirmed", async () => {
    const StatusText =
      "guards laser-1: ready; clock not confirmed; no contact with the server, heard 3 days ago; 4 records not yet delivered";
    const findings = await unit({ StatusText });
    expect(told(findings)).toEqual([
      `ok service: badgekey-agent@laser-1.service runs: ${StatusText}`,
      "ok watchdog: replaces a hung agent after 5s",
      "warning clock: the running agent's time is not confirmed",
    ]);
    expect(told(await unit({ ActiveState: "inactive", StatusText })).join()).not.toContain("clock");
  });

  test("R9: one that its boot-loop guard has stopped is failed, with the command that starts it again", async () => {
    const [finding] = await unit({ ActiveState: "failed", Result: "start-limit-hit" });
    expect(finding).toMatchObject({ state: "failed", detail: expect.stringContaining("boot-loop guard") });
    const crashed = { ActiveState: "failed", Result: "exit-code", ExecMainStatus: "1", NRestarts: "5" };
    expect((await unit(crashed))[0]).toEqual(finding);
    expect(finding?.mend).toContain(
      "sudo systemctl reset-failed badgekey-agent@laser-1.service && sudo systemctl start",
    );
  });

  test.each([
    ["not installed", { LoadState: "not-found" }, "warning service: badgekey-agent@laser-1.service is not installed"],
    [
      "a wrong command line",
      { ActiveState: "failed", Result: "exit-code", ExecMainStatus: "2", NRestarts: "7" },
      "failed service: was started with a wrong command line, and is not tried again",
    ],
    ["killed by the watchdog", { ActiveState: "failed", Result: "watchdog" }, "failed service: ended: watchdog"],
    ["stopped", { ActiveState: "inactive" }, "warning service: is not running (inactive)"],
    [
      "starting over and over",
      { ActiveState: "activating", SubState: "auto-restart", NRestarts: "2" },
      "warning service: is being started (auto-restart, 2 restarts)",
    ],
    ["restarted often", { NRestarts: "4" }, "warning service: runs, after 4 restarts: guards Laser"],
    ["not enabled", { UnitFileState: "disabled" }, "warning service: does not start with the computer"],
    [
      "R9: without watchdog",
      { WatchdogUSec: "infinity" },
      "failed watchdog: badgekey-agent@laser-1.service does not watch the agent",
    ],
    [
      "R9: of another type",
      { Type: "simple" },
      "failed watchdog: badgekey-agent@laser-1.service does not watch the agent",
    ],
    [
      "R2: without lines-off",
      { ExecStopPost: "" },
      "failed service: nothing opens the relay when every process of the agent was killed",
    ],
  ])("%s", async (_, facts, line) => {
    expect(told(await unit(facts))).toContain(line);
  });

  test("another configuration than the unit's, and another unit than this version's, are pointed out", async () => {
    expect(told(await unit({}, "/home/pi/laser-1.yaml"))).toContain(
      "warning service: the unit reads /etc/badgekey/laser-1.yaml, not /home/pi/laser-1.yaml",
    );
    expect(told(await checkUnit(config, systemctl({}, "of last year")))).toContain(
      "warning service: the installed unit is not the one of this version",
    );
  });
});

describe("doctor looks at the kernel", () => {
  const kernel = (files: Record<string, string>, uses = { usesPcsc: true, usesPins: true }) =>
    checkKernel(uses, { read: (path) => Promise.resolve(files[path]), run: () => Promise.resolve(undefined) });

  test("its own NFC driver takes the reader away from pcscd", async () => {
    const files = {
      "/proc/modules": "snd 1 0 - Live 0x0\npn533_usb 20480 0 - Live 0x0\npn533 40960 1 pn533_usb, Live 0x0\n",
    };
    const [finding, ...others] = await kernel(files);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ state: "failed", detail: "its module pn533_usb takes the reader away from pcscd" });
    expect(finding?.mend).toContain("modprobe -r pn533_usb");
    expect(await kernel(files, { usesPcsc: false, usesPins: false })).toEqual([]);
  });

  test.each([
    ["pinctrl_bcm2835", "Y\n", "warning"],
    ["pinctrl_rp1", "Y\n", "warning"],
    ["pinctrl_bcm2835", "N\n", "ok"],
  ])("R2: whether %s keeps outputs (%j) of a program that was killed", async (module, value, state) => {
    const [finding] = await kernel({ [`/sys/module/${module}/parameters/persist_gpio_outputs`]: value });
    expect(finding).toMatchObject({ check: "kernel", state });
    if (state === "warning") expect(finding?.mend).toContain("dtparam=strict_gpiod");
  });
});

describe("doctor looks at the clock", () => {
  const now = Date.UTC(2026, 5, 1);
  const clock = (synchronized: string | undefined, battery: number | undefined, facts = {}) =>
    checkClock(
      { now, floorAt: now - 1_000, untrustedClock: "allow", ...facts },
      { read: () => Promise.resolve(undefined), run: () => Promise.resolve(synchronized) },
      () => Promise.resolve(battery),
    );

  test("synchronised, with and without a battery", async () => {
    expect(await clock("yes\n", now)).toMatchObject({ state: "ok", detail: "synchronised, battery clock" });
    expect(await clock("yes\n", undefined)).toMatchObject({ state: "ok", detail: "synchronised, no battery clock" });
    expect(await clock(undefined, now)).toMatchObject({ state: "ok", detail: expect.stringContaining("not known") });
  });

  test("R17: a machine that refuses an unconfirmed clock needs a battery clock", async () => {
    expect(await clock("yes\n", undefined, { untrustedClock: "refuse" })).toMatchObject({ state: "warning" });
    expect(await clock("yes\n", now, { untrustedClock: "refuse" })).toMatchObject({ state: "ok" });
  });

  test("R15: a clock behind signed time is a failure, one that is not synchronised a warning", async () => {
    expect(await clock("yes\n", now, { floorAt: now + 600_000 })).toMatchObject({ state: "failed" });
    expect(await clock("no\n", now)).toMatchObject({ state: "warning", mend: "sudo timedatectl set-ntp true" });
  });
});
