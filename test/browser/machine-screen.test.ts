/// <reference lib="dom" />
import { existsSync } from "node:fs";
import { type Browser, type Page, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BenchGateway, freePort, startGateway } from "../bench.js";
import { SimulatedMachine, issueCard } from "../flows/simulated-machine.js";

const CHROMIUM = process.env["BADGEKEY_CHROMIUM"] ?? "/usr/bin/chromium";
/** How long the page, the agent and the gateway together may take here for one step of the story. */
const patient = { timeout: 15_000 };

if (!existsSync(CHROMIUM)) {
  process.stderr.write(`no browser at ${CHROMIUM}: the agent's own page is not tested (apt-get install chromium)\n`);
}

/** Real gateway, real agent process, the page it serves in a real browser: what a student at the machine sees. */
describe.skipIf(!existsSync(CHROMIUM))("the screen of a running agent", () => {
  let gateway: BenchGateway;
  let laser: SimulatedMachine;
  let browser: Browser;
  let page: Page;
  let ada: string;

  beforeAll(async () => {
    gateway = await startGateway();
    for (const [slug, name] of [
      ["laser", "Laser cutter"],
      ["saw", "Band saw"],
    ]) {
      await gateway.call("POST", "/api/v1/trainings", { slug, name });
    }
    ada = ((await gateway.call("POST", "/api/v1/people", { name: "Ada Lovelace" })) as { id: string }).id;
    const port = await freePort();
    laser = await SimulatedMachine.start(
      gateway,
      "laser-1",
      { policy: { untrustedClock: "allow" }, requires: [{ training: "laser", level: 2 }] },
      { driver: "page", port, languages: ["de"] },
    );
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ["--no-sandbox", "--disable-background-networking"],
    });
    page = await browser.newPage({ viewport: { width: 800, height: 480 } });
    await page.goto(`http://127.0.0.1:${port}/`);
  }, 120_000);

  afterAll(async () => {
    await browser.close();
    await laser[Symbol.asyncDispose]();
    await gateway[Symbol.asyncDispose]();
  });

  async function shows(tone: string, headline: string | RegExp): Promise<void> {
    await page.locator(`body[data-tone="${tone}"]`).waitFor(patient);
    await page.locator("#headline", { hasText: headline }).waitFor(patient);
  }

  test("a tap enables the machine and the page says until when; its button, pressed twice, ends the use", async () => {
    await shows("ready", "laser-1");
    const { card } = await issueCard(gateway, ada, [{ training: "laser" }]);
    laser.bench.insert(card);
    await shows("enabled", "Enabled");
    laser.bench.remove();
    expect(laser.bench.state.relay).toBe("closed");
    expect(await page.locator("#words").innerText()).toMatch(/until \d?\d:\d\d/);
    await page.locator("#end").click();
    await page.locator("#end").filter({ hasText: "Press again" }).click();
    await laser.until(({ relay }) => relay === "open");
    await shows("ready", /./);
  });

  test("who lacks the training reads which one it is, in the language of choice", async () => {
    const { card } = await issueCard(gateway, ada, [{ training: "saw" }]);
    laser.bench.insert(card);
    await shows("refused", "Training needed");
    expect(await page.locator(".training strong").innerText()).toContain("Laser cutter");
    await page.locator("#language").click();
    await shows("refused", "Einweisung nötig");
    await page.locator("#language").click();
    laser.bench.remove();
    await shows("ready", "laser-1");
  });

  test("staff take it out of service: the page says why, and that it is over", async () => {
    await gateway.call("POST", "/api/v1/machines/laser-1/out-of-service", { reason: "Lens cracked", when: "now" });
    await shows("outOfService", "Out of service");
    expect(await page.locator("#words").innerText()).toContain("Lens cracked");
    await gateway.call("POST", "/api/v1/machines/laser-1/release", { reason: "New lens" });
    await shows("ready", "laser-1");
  });

  test("R5: an agent killed in mid-use leaves a page that says so, and a new one takes the page up again", async () => {
    const { card } = await issueCard(gateway, ada, [{ training: "laser" }]);
    laser.bench.insert(card);
    await shows("enabled", "Enabled");
    laser.bench.remove();
    await laser.kill();
    const covered = () => page.locator("#lost").evaluate((cover) => getComputedStyle(cover).opacity);
    await expect.poll(covered, patient).toBe("1");
    await laser.restart();
    await expect.poll(covered, patient).toBe("0");
    await shows("ready", "laser-1");
    expect(laser.bench.state.relay).not.toBe("closed");
  });
});
