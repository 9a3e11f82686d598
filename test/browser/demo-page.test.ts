/// <reference lib="dom" />
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { AxeBuilder } from "@axe-core/playwright";
import { type Browser, type Page, chromium } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "../bench.js";

const CHROMIUM = process.env["BADGEKEY_CHROMIUM"] ?? "/usr/bin/chromium";
const main = join(dirname(createRequire(import.meta.url).resolve("@badgekey/admin/package.json")), "dist/demo/main.js");

if (!existsSync(CHROMIUM)) {
  process.stderr.write(`no browser at ${CHROMIUM}: the page of the demo is not tested (apt-get install chromium)\n`);
}

describe.skipIf(!existsSync(CHROMIUM))("the demo's page", () => {
  let dir: string;
  let demo: ChildProcess;
  let browser: Browser;
  let page: Page;
  let url: string;
  const errors: string[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "badgekey-page-"));
    demo = spawn(process.execPath, [main, "--port", String(await freePort()), "--data", join(dir, "data")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    url = await firstLine(demo);
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ["--no-sandbox", "--disable-background-networking"],
    });
    // Tall enough that every card and every reader is in sight at once.
    const context = await browser.newContext({ viewport: { width: 1360, height: 1500 } });
    page = await context.newPage();
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
  });

  afterAll(async () => {
    await browser.close();
    demo.kill("SIGTERM");
    await new Promise((resolve) => (demo.exitCode === null ? demo.once("exit", resolve) : resolve(undefined)));
    await rm(dir, { recursive: true, force: true });
  });

  beforeEach(async () => {
    errors.length = 0;
    await page.goto(url);
    await page.locator(".card").first().waitFor();
  });

  const machine = (id: string) => page.locator(`[data-machine="${id}"]`);
  const card = (id: string) => page.locator(`[data-card="${id}"]`);
  const lamp = (id: string) => machine(id).locator(".lamp");
  const log = () => page.locator("#log-rows");

  /** Drags a card onto a machine with the mouse, as a hand does. */
  async function drag(cardId: string, machineId: string): Promise<void> {
    const from = await card(cardId).boundingBox();
    const to = await machine(machineId).locator(".reader").boundingBox();
    if (!from || !to) throw new Error("card or reader is not on the page");
    await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
    await page.mouse.down();
    await page.mouse.move(to.x + to.width / 2, to.y + to.height / 2, { steps: 8 });
    await page.mouse.up();
  }

  test("a card dragged onto the laser enables it, a second time ends the use", async () => {
    await drag("amara", "laser-1");
    await expectText(lamp("laser-1"), "Enabled");
    await expectText(machine("laser-1").locator(".decision"), /Accepted, decided in \d+\.\d+ ms/);
    await expectText(log(), /use started.*Amara Okafor/s);
    await page.waitForFunction(() => !document.querySelector('[data-card="amara"]')?.classList.contains("away"));
    await drag("amara", "laser-1");
    await expectText(lamp("laser-1"), "Off");
    await expectText(log(), /use ended.*Amara Okafor/s);
    expect(errors).toEqual([]);
  });

  test.each([
    ["copied", "CARD_MISMATCH", "This is a copy"],
    ["edited", "SIGNATURE_INVALID", "Card not accepted"],
    ["expired", "BADGE_EXPIRED", "Your card has ended"],
    ["mateo", "TRAINING_MISSING", "Training needed"],
  ])("the %s card is refused, and the screen says why", async (id, code, headline) => {
    await drag(id, "laser-1");
    await expectText(machine("laser-1").locator(".headline"), headline);
    await expectText(machine("laser-1").locator(".decision"), new RegExp(code));
    await expectText(lamp("laser-1"), "Off");
    await page.waitForFunction(
      (one) => !document.querySelector(`[data-card="${one}"]`)?.classList.contains("away"),
      id,
    );
  });

  test("by keyboard: choose a card, choose a reader; the saw keeps the card until it is taken out", async () => {
    await card("linh").focus();
    await page.keyboard.press("Enter");
    await expectText(page.locator("#hand-bar"), /Linh Tran in your hand/);
    // The bar has the focus on its first machine; the saw is the third.
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await expectText(lamp("saw-1"), "Enabled");
    expect(await page.evaluate(() => document.activeElement?.getAttribute("data-card"))).toBe("linh");
    await machine("saw-1").locator(".reader").focus();
    await page.keyboard.press("Enter");
    await expectText(lamp("saw-1"), "Off");
  });

  test("with the server's plug pulled a tap still works, and its records arrive when it is plugged in again", async () => {
    const plug = page.locator("#server-plug");
    await plug.click();
    await expectText(page.locator("#server-state"), "0 of 3 machines in contact");
    await drag("mateo", "printer-1");
    await expectText(lamp("printer-1"), "Enabled");
    const before = await log().locator("tr", { hasText: "Mateo Rivera" }).count();
    await plug.click();
    await expectText(page.locator("#server-state"), "3 of 3 machines in contact");
    await page.waitForFunction(
      (count) =>
        [...document.querySelectorAll("#log-rows tr")].filter((row) => row.textContent.includes("Mateo Rivera"))
          .length > count,
      before,
    );
  });

  test("a machine out of service says so with its reason, until it is released", async () => {
    await machine("printer-1").getByRole("button", { name: "Take out of service" }).click();
    await machine("printer-1").getByRole("button", { name: "Put back into service" }).waitFor();
    await machine("printer-1").getByRole("button", { name: "Put back into service" }).click();
    await machine("printer-1").getByRole("button", { name: "Take out of service" }).waitFor();
  });

  test("a new badge is issued and written in the page, then used, then withdrawn", async () => {
    await page.getByRole("button", { name: "Issue a new badge…" }).click();
    await page.getByLabel("Person").fill("Yuki Sato");
    await page.getByRole("checkbox", { name: "Laser cutter" }).check();
    await page.getByRole("button", { name: "Issue and write" }).click();
    const fresh = page.locator(".card", { hasText: "Yuki Sato" });
    await fresh.waitFor();
    const id = (await fresh.getAttribute("data-card")) ?? "";
    await drag(id, "laser-1");
    await expectText(log(), /use started.*Yuki Sato/s);
    await page.getByRole("button", { name: "Withdraw the badge of Yuki Sato" }).click();
    await expectText(page.locator(`[data-card="${id}"] .tag`), "Withdrawn");
  });

  test.each(["light", "dark"] as const)("has no accessibility findings in %s mode", async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)).toEqual([]);
  });

  test("fits a phone: nothing needs sideways scrolling", async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
    await page.setViewportSize({ width: 1360, height: 1500 });
  });

  test("answers to no other host and no other page's requests", async () => {
    const { port } = new URL(url);
    const foreign = await fetch(`${url}/api/take`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: "http://evil.example" },
      body: '{"machine":"saw-1"}',
    });
    expect(foreign.status).toBe(403);
    const plain = await fetch(`${url}/api/take`, { method: "POST", body: '{"machine":"saw-1"}' });
    expect(plain.status).toBe(403);
    expect(await statusWithHost(Number(port), "evil.example")).toBe(421);
  });
});

async function expectText(locator: ReturnType<Page["locator"]>, text: string | RegExp): Promise<void> {
  await expect.poll(() => locator.textContent(), { timeout: 15_000 }).toMatch(text);
}

/** The address that the demo prints when it is ready. */
function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    if (!child.stdout) throw new TypeError("the demo's output is piped");
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`the demo ended with ${String(code)} before it was ready`)));
  });
}

async function statusWithHost(port: number, host: string): Promise<number> {
  const { request } = await import("node:http");
  return new Promise((resolve, reject) => {
    request({ port, host: "127.0.0.1", headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on("error", reject)
      .end();
  });
}
