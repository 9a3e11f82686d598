import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { enrol } from "../enrolment/enrol.js";
import { writeEnrolment } from "../enrolment/enrolment-file.js";
import { diskFolder } from "../site-state/durable-folder.js";
import { siteStateStore } from "../site-state/site-state-store.js";
import { startEnrolmentServer } from "../testing/fake-enrolment-server.js";
import { silentLog } from "../testing/silent-log.js";
import { siteStateFolder } from "./data-folder.js";
import { runLabel } from "./label.js";

let folder: string;
let config: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "badgekey-label-"));
  config = join(folder, "laser-1.yaml");
  await configure("");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const configure = (screen: string): Promise<void> =>
  writeFile(
    config,
    `agent: laser-1\ndataDir: data\nreaders: [{ driver: simulated, socket: r }]\nrelay: { driver: simulated }\n${screen}\n`,
  );

async function label(options: { readonly out?: string; readonly name?: string } = {}) {
  const said = { out: "", err: "" };
  await runLabel(
    { config, ...options },
    {
      version: "test",
      stdin: Readable.from([]),
      out: (text) => void (said.out += text),
      err: (text) => void (said.err += text),
      wallClock: () => 0,
      monotonic: () => 0,
    },
  );
  return said;
}

/** An agent that has had contact once: its lists lie on the disk. */
async function withRules(): Promise<void> {
  const server = await startEnrolmentServer({ now: Date.now() });
  const enrolment = await enrol(server.invite, { random: (length) => new Uint8Array(length).fill(9) });
  await server.close();
  const dataDir = join(folder, "data");
  await writeEnrolment(dataDir, enrolment);
  const disk = diskFolder(siteStateFolder(dataDir));
  const store = siteStateStore({ disk, roots: enrolment.roots, log: silentLog() });
  const { site } = server;
  const lists = Object.entries(site.first).map(([name, { bytes }]) => ({ name, bytes }));
  await store.save([{ name: "heartbeat", bytes: site.heartbeat(site.first) }, ...lists], []);
  await store.saveClock(site.at, site.at);
}

describe("a label for a machine without a screen", () => {
  test("names the machine as its rules do, and says in two languages what to do", async () => {
    await withRules();
    const { out, err } = await label();
    expect(out).toMatch(/^<svg .*width="\d+mm"/s);
    expect(out).toContain(">Laser cutter<");
    expect(out.indexOf("Tap your card")).toBeGreaterThan(0);
    expect(out.indexOf("Karte")).toBeGreaterThan(out.indexOf("Tap your card"));
    expect(err).toBe("");
  });

  test("begins with the screen's own language, and takes another name", async () => {
    await withRules();
    await configure("screen: { driver: page, language: de }");
    const { out } = await label({ name: "Großer Laser" });
    expect(out).toContain(">Großer Laser<");
    expect(out.indexOf("Karte")).toBeGreaterThan(0);
    expect(out.indexOf("Karte")).toBeLessThan(out.indexOf("Tap your card"));
  });

  test("goes into a file, and says how to print it", async () => {
    const file = join(folder, "laser.svg");
    const { out, err } = await label({ out: file, name: "Laser" });
    expect([out, err]).toEqual(["", `badgekey-agent: label of Laser written to ${file}: print it at 100 %\n`]);
    expect(await readFile(file, "utf8")).toContain(">Laser<");
  });

  test("without rules and without a name it says what to do; so with a file that cannot be written", async () => {
    await expect(label()).rejects.toMatchObject({
      message: "agent laser-1 knows no rules of its machine yet",
      hint: expect.stringContaining("--name") as string,
    });
    const nowhere = join(folder, "nowhere", "label.svg");
    await expect(label({ out: nowhere, name: "Laser" })).rejects.toMatchObject({
      hint: "name another file with --out",
    });
  });
});
