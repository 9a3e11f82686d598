import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { enrol } from "../enrolment/enrol.js";
import { writeEnrolment } from "../enrolment/enrolment-file.js";
import { openJournal } from "../journal/journal.js";
import { diskFolder } from "../site-state/durable-folder.js";
import { siteStateStore } from "../site-state/site-state-store.js";
import { startEnrolmentServer } from "../testing/fake-enrolment-server.js";
import { silentLog } from "../testing/silent-log.js";
import { startTestBroker } from "../uplink/aedes-fixture.js";
import { journalPath, siteStateFolder } from "./data-folder.js";
import { runDoctor } from "./doctor.js";

let folder: string;
let dataDir: string;
let config: string;
const cleanups: (() => Promise<void>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "badgekey-doctor-"));
  dataDir = join(folder, "data");
  config = join(folder, "agent.yaml");
  await configure("readers: [{ driver: simulated, socket: r }]\nrelay: { driver: simulated }");
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await rm(folder, { recursive: true, force: true });
});

async function configure(devices: string): Promise<void> {
  await writeFile(config, `agent: laser-1\ndataDir: data\n${devices}\n`);
}

interface Report {
  readonly ok: boolean;
  readonly findings: readonly { check: string; state: string; detail: string; mend?: string }[];
}

async function doctor({ now = Date.now(), user = process.getuid?.() } = {}) {
  let out = "";
  const io = {
    version: "test",
    stdin: Readable.from([]),
    out: (text: string) => void (out += text),
    err: () => undefined,
    wallClock: () => now,
    monotonic: () => 0,
  };
  const deps = { user, pcscdSocket: join(folder, "pcscd.comm"), gpioRoot: join(folder, "gpio") };
  const good = await runDoctor({ config, json: true }, io, deps);
  const report = JSON.parse(out) as Report;
  expect(report.ok).toBe(good);
  let lines = "";
  await runDoctor({ config, json: false }, { ...io, out: (text) => void (lines += text) }, deps);
  const found = (check: string) => report.findings.filter((finding) => finding.check === check);
  return { good, found, lines, findings: report.findings };
}

/** An agent enrolled at a gateway whose broker runs, or does not. */
async function enrolled(brokerRuns = true) {
  const server = await startEnrolmentServer({ now: Date.now() });
  cleanups.push(() => server.close());
  const broker = await startTestBroker(server.authority);
  const { port } = broker;
  if (brokerRuns) cleanups.push(() => broker.close());
  else await broker.close();
  const enrolment = await enrol(server.invite, { random: (length) => new Uint8Array(length).fill(9) });
  await writeEnrolment(dataDir, { ...enrolment, broker: { host: "127.0.0.1", port } });
  return { enrolment, site: server.site, broker };
}

describe("doctor", () => {
  test("before enrolment it says how to enrol, and fails", async () => {
    const { good, found, lines } = await doctor();
    expect(good).toBe(false);
    expect(found("enrolment")).toEqual([
      {
        check: "enrolment",
        state: "failed",
        detail: "not enrolled yet",
        mend: `badgekey-agent enroll --config ${config}`,
      },
    ]);
    expect(lines).toContain("failed   enrolment: not enrolled yet\n         mend: badgekey-agent enroll");
    expect(lines).toContain("warning  relay: simulated: nothing is switched");
  });

  test("a healthy agent with lists and journal: nothing failed, every fact is told", async () => {
    const { enrolment, site } = await enrolled();
    const store = siteStateStore({
      disk: diskFolder(siteStateFolder(dataDir)),
      roots: enrolment.roots,
      log: silentLog(),
    });
    const lists = Object.entries(site.first).map(([name, { bytes }]) => ({ name, bytes }));
    await store.save([{ name: "heartbeat", bytes: site.heartbeat(site.first) }, ...lists], []);
    const now = Date.now();
    await store.saveClock(now, now - 3 * 3_600_000);
    const { journal } = await openJournal({
      path: journalPath(dataDir),
      site: enrolment.site,
      agent: "laser-1",
      bootFloor: 0,
    });
    await journal.append([Uint8Array.of(1), Uint8Array.of(2)]);
    const running = await doctor();
    expect(running.found("journal")[0]).toMatchObject({ state: "ok", detail: "in use by the running agent" });
    await journal.close();
    const { good, found, findings } = await doctor();
    expect(good, JSON.stringify(findings)).toBe(true);
    expect(found("enrolment")[0]?.detail).toMatch(
      /^agent laser-1 at https:.*fingerprint ([0-9a-f]{4} ){3}[0-9a-f]{4}$/,
    );
    expect(found("certificate")[0]).toMatchObject({ state: "warning", detail: expect.stringContaining("ends on") });
    expect(found("gateway")[0]?.detail).toMatch(/answers, TLS in/);
    expect(found("lists")[0]?.detail).toContain("trust 1, policy 1");
    expect(found("contact")[0]).toMatchObject({ state: "ok", detail: "confirmed 3 hours ago" });
    expect(found("journal")[0]).toMatchObject({ state: "ok", detail: "whole, 2 records not yet acknowledged" });
    expect(found("disk")).toHaveLength(1);
    const asOther = await doctor({ user: 4_711 });
    expect(asOther.found("journal")[0]?.mend).toContain("sudo -u '#");
  });

  test("a gateway that is away, and a clock that is wrong, come with what mends them", async () => {
    await enrolled(false);
    const { good, found } = await doctor();
    expect(good).toBe(false);
    expect(found("gateway")[0]).toMatchObject({ state: "failed", detail: expect.stringContaining("ECONNREFUSED") });
    expect(found("gateway")[0]?.mend).toMatch(/nc -vz 127\.0\.0\.1 \d+/);
    expect(found("lists")[0]).toMatchObject({ state: "failed", detail: "none yet: every card is refused" });
    const early = await doctor({ now: Date.UTC(2020, 0, 1) });
    expect(early.found("clock")[0]).toMatchObject({ state: "failed", mend: "sudo timedatectl set-ntp true" });
    const late = await doctor({ now: Date.now() + 10 * 86_400_000 });
    expect(late.found("certificate")[0]).toMatchObject({ state: "failed", mend: expect.stringContaining("--replace") });
  });

  test("a damaged list is left out and told", async () => {
    await enrolled();
    await mkdir(siteStateFolder(dataDir), { recursive: true });
    await writeFile(join(siteStateFolder(dataDir), "heartbeat.cose"), "rot");
    const { found } = await doctor();
    expect(found("lists").at(-1)).toMatchObject({
      state: "warning",
      detail: "left out: heartbeat: OBJECT_MALFORMED",
    });
  });

  test("real drivers: pcscd that does not listen, GPIO that is not there, GPIO that is", async () => {
    await configure("readers: [{ driver: pcsc, name: ACR122U }]\nrelay: { driver: gpio, pin: 17 }");
    const bare = await doctor();
    expect(bare.found("reader ACR122U")[0]).toMatchObject({ state: "failed" });
    expect(bare.found("reader ACR122U")[0]?.mend).toMatch(/^sudo /);
    expect(bare.found("relay GPIO 17")[0]).toMatchObject({
      state: "failed",
      detail: expect.stringContaining("no GPIO"),
    });
    const chip = join(folder, "gpio/gpiochip512");
    await mkdir(chip, { recursive: true });
    await writeFile(join(chip, "label"), "pinctrl-bcm2711\n");
    await writeFile(join(chip, "base"), "512\n");
    await writeFile(join(folder, "gpio/export"), "");
    const mended = await doctor();
    expect(mended.found("relay GPIO 17")[0]).toEqual({
      check: "relay GPIO 17",
      state: "ok",
      detail: "pinctrl-bcm2711, sysfs number 529, active high",
    });
  });
});
