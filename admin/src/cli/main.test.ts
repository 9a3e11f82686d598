import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type FakeGateway, fakeAgent, fakeBadge, fakeJob, startFakeGateway } from "../testing/fake-gateway.js";
import { type FakeIoOptions, fakeIo } from "../testing/fake-io.js";
import { runCli } from "./main.js";

let gateway: FakeGateway;
let cwd: string;

beforeEach(async () => {
  gateway = await startFakeGateway();
  cwd = await mkdtemp(join(tmpdir(), "badgekey-cli-"));
  await writeFile(join(cwd, "token"), `${gateway.token}\n`);
});

afterEach(async () => {
  await gateway.close();
  await rm(cwd, { recursive: true });
});

async function run(line: string, options: FakeIoOptions = {}) {
  const io = fakeIo({ cwd, env: { BADGEKEY_URL: gateway.url, BADGEKEY_TOKEN_FILE: "token" }, ...options });
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
  const exit = await runCli(words, io);
  return { exit, ...io.written };
}

describe("init", () => {
  test("checks the gateway and the token, then remembers both", async () => {
    const env = { BADGEKEY_CONFIG: "cli.yaml" };
    const first = await run(`init --url ${gateway.url} --token-file token`, { env });
    expect(first.exit).toBe(0);
    expect(first.data).toContain("Test makerspace (abababababababab)");
    expect(first.people).toMatch(/^next: badgekey training add/);
    expect(await readFile(join(cwd, "cli.yaml"), "utf8")).toBe(
      `url: ${gateway.url}\ntokenFile: ${join(cwd, "token")}\n`,
    );
    expect((await run("status --json", { env })).exit).toBe(0);
  });

  test("a wrong token is refused and nothing is remembered", async () => {
    await writeFile(join(cwd, "other"), "not-the-token-at-all");
    const { exit, people } = await run("init --token-file other --config cli.yaml");
    expect(exit).toBe(1);
    expect(people).toBe("badgekey: error: no valid token came with the request\n");
    await expect(readFile(join(cwd, "cli.yaml"))).rejects.toThrow("ENOENT");
  });

  test("a damaged config names what is wrong", async () => {
    await writeFile(join(cwd, "cli.yaml"), "url: nonsense\ncolour: red\n");
    const { exit, people } = await run("status --config cli.yaml", { env: {} });
    expect(exit).toBe(2);
    expect(people).toContain("tokenFile");
    expect(people).toContain("colour");
    expect(people).toContain("badgekey: hint: write it anew with: badgekey init");
  });
});

describe("errors", () => {
  test("nobody at the address: says how to start the gateway", async () => {
    await gateway.close();
    const { exit, people } = await run("training list");
    expect(exit).toBe(1);
    expect(people).toMatch(/^badgekey: error: no gateway answers at http:\/\/127\.0\.0\.1:\d+\n/);
    expect(people).toContain("badgekey: hint: start it with: badgekey-gateway run --config gateway.yaml");
    gateway = await startFakeGateway();
  });

  test("something else at the address: says so", async () => {
    gateway.data.refuse = { status: 200, body: "<html>" };
    const { exit, people } = await run("training list");
    expect(exit).toBe(1);
    expect(people).toContain("is no badgekey gateway of this version: no JSON");
  });

  test("--json tells the code to programs and the sentence to people", async () => {
    const { exit, data, people } = await run("badge show nope --json");
    expect(exit).toBe(1);
    expect(JSON.parse(data)).toEqual({
      error: { code: "NOT_FOUND", detail: "there is no badge nope", hint: "list badges to find the id" },
    });
    expect(people).toContain("badgekey: error: there is no badge nope\nbadgekey: hint: list badges to find the id\n");
  });

  test.each([
    ["badge frob", "unknown command 'frob'"],
    ["badge issue", "missing required argument 'person'"],
    ["badge issue Ada --grant laser:wizard", "write training, training:level"],
    ["machine add x --name X --preset toaster", "Allowed choices are 3d-printer, laser, saw"],
    ["machine set x presence", "write setting=value"],
    ["log list --since yesterday", "write it as 2027-01-31"],
    ["status --url http://example.org", "the token would travel readable to example.org"],
    ["badge verify zz", "zz is neither hex digits nor a file that can be read"],
  ])("%s is wrong usage", async (line, message) => {
    const { exit, people } = await run(line);
    expect(people).toContain("badgekey: error: ");
    expect(people).toContain(message);
    expect(exit).toBe(2);
  });

  test("no command shows the help and is wrong usage; --help is not", async () => {
    expect((await run("")).exit).toBe(2);
    const help = await run("badge --help");
    expect(help.exit).toBe(0);
    expect(help.data).toContain("verify [options] <badge>");
  });

  test("control characters of others do not reach the terminal", async () => {
    gateway.data.people = [{ id: "p1", name: "Ada\u001b[2J\u0007 Okafor" }];
    const { data } = await run("person list");
    expect(data).toContain("Ada\ufffd[2J\ufffd Okafor");
  });
});

describe("trainings, people, machines", () => {
  test("what is added is listed, for people and for programs", async () => {
    expect((await run('training add laser --name "Laser cutter" --valid-days 400')).exit).toBe(0);
    await run('person add "Ada Okafor" --email ada@example.org');
    const added = await run(
      'machine add laser-1 --name "Laser cutter" --preset laser --requires laser:user --set session.maxSeconds=3600',
    );
    expect(gateway.bodies.at(-1)).toEqual({
      id: "laser-1",
      name: "Laser cutter",
      preset: "laser",
      requires: [{ training: "laser", level: 2 }],
      policy: { session: { maxSeconds: 3600 } },
    });
    expect(added.data).toContain("asks for               laser user\n");
    expect(added.people).toBe("next: badgekey agent invite laser-1\n");
    expect((await run("training list")).data).toBe(
      "training  name          number  valid     learn more\nlaser     Laser cutter       1  400 days\n",
    );
    expect(JSON.parse((await run("person list --json")).data)).toEqual([
      { id: "p1", name: "Ada Okafor", email: "ada@example.org" },
    ]);
    expect((await run("machine list")).data).toContain(
      "laser-1  Laser cutter  laser-1     laser user  tap       60 min       in service",
    );
    const now = 'machine out-of-service laser-1 --reason "lens broken" --now';
    expect((await run(now)).people).toContain("add --yes");
    expect(await run(now, { interactive: true, answers: ["no"] })).toMatchObject({ exit: 1 });
    expect((await run(`${now} --yes`)).data).toContain("out of service: lens broken");
    expect(gateway.bodies.at(-1)).toEqual({ reason: "lens broken", when: "now" });
  });

  test("settings are merged by path; texts and JSON both work", async () => {
    await run("machine add saw-1 --name Saw");
    await run("machine set saw-1 session.maxSeconds=60 session.extend=false presence=hold requires=[]");
    expect(gateway.bodies.at(-1)).toEqual({
      session: { maxSeconds: 60, extend: false },
      presence: "hold",
      requires: [],
    });
  });

  test("all settings are listed with where they begin, without a gateway", async () => {
    await gateway.close();
    const { exit, data, people } = await run("machine settings --preset saw");
    expect(exit).toBe(0);
    expect(data).toMatch(/^presence +"hold" +tap \| hold +tap: a tap starts and ends a use; hold: the card stays in$/m);
    expect(data).toMatch(/^wiring\.inputs\.busy +\{"pin": 0 to 27/m);
    expect(people).toBe("next: badgekey machine set <id> <setting=value...>\n");
    const { data: json } = await run("machine settings --json");
    expect(JSON.parse(json)).toContainEqual(
      expect.objectContaining({ path: "session.maxSeconds", default: 14_400, values: "0 to 604800" }),
    );
    gateway = await startFakeGateway();
  });

  test("a setting that will not do what was meant is said at once", async () => {
    const line = "machine add printer-1 --name Printer --set session.idleSeconds=600";
    const { exit, people } = await run(line);
    expect(exit).toBe(0);
    expect(people).toContain("mind: session.idleSeconds: idle time ends nothing without a busy input");
    const { people: quiet, data } = await run(`${line} --json`);
    expect(quiet).not.toContain("mind:");
    expect(JSON.parse(data)).toMatchObject({ problems: [{ path: "session.idleSeconds", severity: "warning" }] });
  });
});

describe("badges", () => {
  beforeEach(() => {
    gateway.data.people = [
      { id: "p1", name: "Ada Okafor" },
      { id: "p2", name: "Adam Berg" },
    ];
    gateway.data.badges = [fakeBadge()];
  });

  test("are issued to the one person meant", async () => {
    const { exit, data, people } = await run("badge issue okafor --grant laser:trainer@2027-01-31 --grant 4");
    expect(exit).toBe(0);
    expect(gateway.bodies.at(-1)).toEqual({
      person: "p1",
      grants: [
        { training: "laser", level: 3, endsAt: "2027-01-31T23:59:59.000Z" },
        { training: 4, level: 2 },
      ],
    });
    expect(data).toContain("state      waiting for a card\n");
    expect(people).toBe("next: badgekey badge write b2 --on <controller>\n");
  });

  test("an ambiguous name is refused with the choices", async () => {
    const { exit, people } = await run("badge issue ada");
    expect(exit).toBe(1);
    expect(people).toContain("ada could be Ada Okafor (p1), Adam Berg (p2)");
  });

  test("writing tells what to do while it waits", async () => {
    gateway.data.jobs.set("j-b1", [
      fakeJob(),
      fakeJob(),
      fakeJob({ state: "writing" }),
      fakeJob({ state: "done", cardUid: "04112233445566" }),
    ]);
    const { exit, data, people } = await run("badge write b1 --on laser-1");
    expect(exit).toBe(0);
    expect(people).toBe(
      "put the card on the reader of laser-1: 60 s left\nwriting: do as the machine’s screen says, and hold the card still\n" +
        "written: the card can be taken away\nnext: tap the card at a machine\n",
    );
    expect(data).toContain("card        04112233445566\n");
  });

  test("a card that could not be written is a refusal with its code", async () => {
    gateway.data.jobs.set("j-b1", [
      fakeJob(),
      fakeJob({ state: "failed", code: "CARD_UNREADABLE", detail: "lifted too early" }),
    ]);
    const { exit, data } = await run("badge write b1 --on laser-1 --json");
    expect(exit).toBe(1);
    expect(JSON.parse(data)).toMatchObject({ error: { code: "CARD_UNREADABLE", detail: "lifted too early" } });
  });

  test("withdrawing asks first, and without anybody to ask it wants --yes", async () => {
    expect(await run("badge revoke b1 --reason lost")).toMatchObject({ exit: 2 });
    const no = await run("badge revoke b1 --reason lost", { interactive: true, answers: ["n"] });
    expect(no).toMatchObject({ exit: 1 });
    expect(gateway.calls).not.toContain("POST /badges/b1/revoke");
    const yes = await run("badge revoke b1 --reason lost", { interactive: true, answers: ["yes"] });
    expect(yes.exit).toBe(0);
    expect(gateway.calls).toContain("POST /badges/b1/revoke");
  });

  test("withdrawing shows live who knows it, until all do", async () => {
    const missing = [{ agent: "saw-1", lastSeenAt: "2026-11-03T11:02:00.000Z" }];
    gateway.data.receipts = { object: "status/0a1b2c3d", version: 2, seenBy: ["laser-1", "printer-1"], missing };
    let slept = 0;
    const onSleep = () => {
      if (++slept === 3)
        gateway.data.receipts = { ...gateway.data.receipts, seenBy: ["laser-1", "printer-1", "saw-1"], missing: [] };
    };
    const { exit, people, data } = await run("badge revoke b1 --reason lost --yes --json", { onSleep });
    expect(exit).toBe(0);
    expect(people).toContain("seen by 2 of 3 machine controllers; missing: saw-1 last seen 2026-11-03 11:02\n");
    expect(people).toContain("seen by 3 of 3 machine controllers\n");
    expect(JSON.parse(data)).toMatchObject({
      statusVersion: 2,
      receipts: { missing: [] },
      badge: { state: "revoked" },
    });
  });

  test("--no-wait does not wait, and a script does not wait for ever", async () => {
    gateway.data.receipts.missing = [{ agent: "saw-1", lastSeenAt: null }];
    expect((await run("badge suspend b1 --reason check --no-wait")).people).toContain("missing: saw-1 never seen");
    expect(gateway.calls).not.toContain("GET /badges/b1/receipts");
    expect((await run("badge suspend b1 --reason check")).exit).toBe(0);
    expect(gateway.calls.filter((call) => call.endsWith("/receipts")).length).toBe(100);
  });
});

describe("machine controllers and the log", () => {
  test("an invite is one line on standard output, the rest is for people", async () => {
    const { data, people } = await run("agent invite laser-1");
    expect(data).toBe("badgekey1:abc\n");
    expect(people).toContain("works once, until 2026-11-03 11:00");
  });

  test("status shows contact in words", async () => {
    gateway.data.agents = [fakeAgent(), fakeAgent({ id: "saw-1", machines: [], connected: false, enrolled: false })];
    const { data } = await run("status");
    expect(data).toContain("controllers  1 of 2 connected");
    expect(data).toContain("laser-1     laser-1   connected     2026-11-03 11:00");
    expect(data).toContain("saw-1                 not enrolled");
  });

  test("an export goes to a file whole", async () => {
    expect((await run("log export")).data).toBe("at,machine\n");
    const { exit } = await run("log export --format json --output log.json");
    expect(exit).toBe(0);
    expect(await readFile(join(cwd, "log.json"), "utf8")).toBe("[]\n");
  });

  test("problems in the log are a refusal, told once", async () => {
    gateway.data.problems = [{ agent: "laser-1", kind: "gap", boot: 2, sequence: 7, detail: "3 entries are missing" }];
    const { exit, data, people } = await run("log verify --json");
    expect(exit).toBe(1);
    expect(JSON.parse(data)).toMatchObject({ problems: [{ kind: "gap" }] });
    expect(people).toContain("badgekey: error: 1 problem in the log");
  });
});
