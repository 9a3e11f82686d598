import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
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
import { type DoctorProbes, doctorProbes } from "./doctor-probes.js";
import { runDoctor } from "./doctor.js";
import type { Finding } from "./finding.js";

const HOUR_MS = 3_600_000;
let folder: string;
let dataDir: string;
let config: string;
const cleanups: (() => Promise<void>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "badgekey-doctor-"));
  dataDir = join(folder, "data");
  config = join(folder, "laser-1.yaml");
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
  readonly findings: readonly Finding[];
}

interface Doctoring {
  readonly now?: number;
  readonly card?: boolean;
  readonly probes?: Partial<DoctorProbes>;
}

/** A computer without systemd and pcscd, whose files are the real ones. */
async function doctor({ now = Date.now(), card = false, probes = {} }: Doctoring = {}) {
  let out = "";
  const io = {
    version: "test",
    stdin: Readable.from([]),
    out: (text: string) => void (out += text),
    err: () => undefined,
    wallClock: () => now,
    monotonic: () => 0,
  };
  const deps: DoctorProbes = {
    ...doctorProbes(),
    run: () => Promise.resolve(undefined),
    pcscdSocket: join(folder, "pcscd.comm"),
    ...probes,
  };
  const good = await runDoctor({ config, json: true, card }, io, deps);
  const report = JSON.parse(out) as Report;
  expect(report.ok).toBe(good);
  out = "";
  await runDoctor({ config, json: false, card }, io, deps);
  const found = (check: string) => report.findings.filter((finding) => finding.check === check);
  return { good, found, lines: out, findings: report.findings };
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

type Enrolled = Awaited<ReturnType<typeof enrolled>>;

async function withLists({ enrolment, site }: Enrolled, freshAt: number): Promise<void> {
  const store = siteStateStore({
    disk: diskFolder(siteStateFolder(dataDir)),
    roots: enrolment.roots,
    log: silentLog(),
  });
  const lists = Object.entries(site.first).map(([name, { bytes }]) => ({ name, bytes }));
  await store.save([{ name: "heartbeat", bytes: site.heartbeat(site.first) }, ...lists], []);
  await store.saveClock(freshAt, freshAt);
}

function journalOf({ enrolment }: Enrolled) {
  const bootsFile = join(dataDir, "boots");
  return openJournal({ path: journalPath(dataDir), site: enrolment.site, agent: "laser-1", bootFloor: 0, bootsFile });
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
    expect(found("service")[0]?.detail).toContain("systemd does not run here");
    expect(found("disk")[0]).toMatchObject({ state: "failed" });
  });

  test("a healthy agent with lists and journal: nothing failed, every fact is told, nothing is changed", async () => {
    const agent = await enrolled();
    const freshAt = Date.now() - 3 * HOUR_MS;
    await withLists(agent, freshAt);
    const { journal } = await journalOf(agent);
    await journal.append([Uint8Array.of(1), Uint8Array.of(2)]);
    const running = await doctor();
    expect(running.found("journal")).toEqual([
      { check: "journal", state: "ok", detail: "in use by the running agent" },
    ]);
    await journal.close();
    const before = await contentsOf(dataDir);
    const { good, found, findings } = await doctor();
    expect(await contentsOf(dataDir)).toEqual(before);
    expect(good, JSON.stringify(findings)).toBe(true);
    expect(found("enrolment")[0]?.detail).toMatch(
      /^agent laser-1 at https:.*fingerprint ([0-9a-f]{4} ){3}[0-9a-f]{4}$/,
    );
    expect(found("certificate")[0]).toMatchObject({ state: "warning", detail: expect.stringContaining("ends on") });
    expect(found("gateway")[0]?.detail).toMatch(/answers, TLS in .*certificate for 127\.0\.0\.1 ends on \d{4}-/);
    expect(found("lists")[0]?.detail).toMatch(
      /^root 1 .*, trust 1 of \d{4}-\d\d-\d\d \(\d+ (hours|days)\), policy 1 of /,
    );
    const until = new Date(freshAt + 7 * 24 * HOUR_MS).toISOString().slice(0, 10);
    expect(found("contact")[0]).toMatchObject({
      state: "ok",
      detail: `confirmed 3 hours ago; works without contact until ${until}`,
    });
    expect(found("journal")[0]).toMatchObject({ state: "ok", detail: "whole, 2 records not yet acknowledged" });
    expect(found("disk")).toHaveLength(1);
  });

  test("lists too old by the machine's own rule are told before anybody stands there with a card", async () => {
    const agent = await enrolled();
    await withLists(agent, Date.now() - 8 * 24 * HOUR_MS);
    const { found } = await doctor();
    expect(found("contact")[0]).toMatchObject({
      state: "failed",
      detail: expect.stringMatching(/^confirmed 8 days ago; worked without contact until \d{4}/),
    });
    const barely = await doctor({ now: Date.now() - 6.5 * 24 * HOUR_MS });
    expect(barely.found("contact")[0]).toMatchObject({ state: "warning" });
  });

  test("R20: a damaged journal is told and left to the agent; one kept from before is named", async () => {
    const agent = await enrolled();
    const { journal } = await journalOf(agent);
    await journal.append([Uint8Array.of(1)]);
    await journal.close();
    const bytes = await readFile(journalPath(dataDir));
    // SQLite fills its pages from their ends: what stands there are rows.
    for (let end = 2 * 4096; end <= bytes.length; end += 4096) bytes.fill(0xff, end - 40, end);
    await writeFile(journalPath(dataDir), bytes);
    await cp(journalPath(dataDir), `${journalPath(dataDir)}.damaged-1`);
    const before = await contentsOf(dataDir);
    const { found } = await doctor();
    expect(await contentsOf(dataDir)).toEqual(before);
    expect(found("journal").map(({ state, detail }) => `${state} ${detail}`)).toEqual([
      "warning was damaged before: journal.db.damaged-1",
      expect.stringMatching(/^warning is damaged \(.*records lost/),
    ]);
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
    expect(early.found("certificate")[0]).toMatchObject({ state: "failed", mend: "sudo timedatectl set-ntp true" });
    const late = await doctor({ now: Date.now() + 10 * 24 * HOUR_MS });
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

  test("R19: room that runs out is told before it is gone", async () => {
    const agent = await enrolled();
    const { journal } = await journalOf(agent);
    await journal.close();
    await rm(`${journalPath(dataDir)}.ballast`, { force: true });
    const { found } = await doctor();
    expect(found("disk")[0]).toMatchObject({ detail: expect.stringContaining("reserve for the last records is used") });
  });

  test("a check that breaks down itself is a finding, and the others go on", async () => {
    const { found, findings } = await doctor({
      probes: { run: () => Promise.reject(new Error("out of processes")) },
    });
    expect(found("service")[0]).toMatchObject({ state: "failed", detail: "could not be looked at: out of processes" });
    expect(findings.at(-1)?.check).toBe("disk");
  });

  test("nothing works at all: every line says what to do", async () => {
    await configure("readers: [{ driver: pcsc, name: ACR122U }]\nrelay: { driver: sysfs, pin: 17 }");
    const { good, findings, lines } = await doctor({ probes: { pcscDriverMissing: () => undefined } });
    expect(good).toBe(false);
    const bad = findings.filter(({ state }) => state !== "ok");
    expect(bad.length).toBeGreaterThan(3);
    for (const { mend } of bad) expect(mend).toBeTruthy();
    expect(lines).toMatch(
      /failed {3}pcscd: pcscd does not listen at .*\n {9}mend: sudo systemctl enable --now pcscd.socket/,
    );
    expect(lines).toMatch(/failed {3}relay: /);
  });

  test("the card test is refused while the agent runs: it would be a tap", async () => {
    const agent = await enrolled();
    const { journal } = await journalOf(agent);
    const { found } = await doctor({ card: true });
    expect(found("card")[0]).toMatchObject({
      state: "failed",
      mend: "sudo systemctl stop badgekey-agent@laser-1.service, and start it again afterwards",
    });
    await journal.close();
  });
});

/** Every file below a folder with its bytes and times. */
async function contentsOf(root: string): Promise<Record<string, string>> {
  const contents: Record<string, string> = {};
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    contents[path] =
      `${String((await stat(path)).mtimeMs)} ${(await readFile(path)).toString("base64").slice(0, 4096)}`;
  }
  return contents;
}
