/// <reference lib="dom" />
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import {
  type PageScreen,
  type ScreenAction,
  type ScreenView,
  english,
  german,
  pageScreen,
  systemClock,
} from "@badgekey/device-agent";
import { type Browser, type Page, chromium } from "playwright-core";
import { decodeQR } from "qr/decode.js";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type Scene, scenes, sizes, viewOf } from "./screen-scenes.js";

const CHROMIUM = process.env["BADGEKEY_CHROMIUM"] ?? "/usr/bin/chromium";
/** Set to write the docs' pictures anew. */
const WRITES_PICTURES = process.env["BADGEKEY_PICTURES"] === "1";
/** How long a page on a busy machine may take to come to rest. */
const REDRAWN = { timeout: 20_000, interval: 100 };
const pictures = join(
  dirname(createRequire(import.meta.url).resolve("@badgekey/device-agent/package.json")),
  "screen-pictures",
);

if (!existsSync(CHROMIUM)) {
  process.stderr.write(`no browser at ${CHROMIUM}: the machine's screen is not tested (apt-get install chromium)\n`);
}

describe.skipIf(!existsSync(CHROMIUM))("the machine's screen", () => {
  const clock = systemClock();
  const silent = { info: () => undefined, warn: () => undefined };
  const actions: ScreenAction[] = [];
  const errors: string[] = [];
  let screen: PageScreen;
  let germanScreen: PageScreen;
  let browser: Browser;
  let page: Page;
  let germanPage: Page;
  let confirming: NodeJS.Timeout;
  let isConfirmed = true;

  const open = async (port = 0, languages = [english, german] as const): Promise<PageScreen> => {
    const opened = await pageScreen({ port, languages, clock, scheduler: clock, log: silent });
    opened.start?.((action) => actions.push(action));
    return opened;
  };
  const sceneNamed = (name: string): Scene => {
    const scene = scenes.find((one) => one.name === name);
    if (!scene) throw new RangeError(`no scene ${name}`);
    return scene;
  };
  const show = (scene: Scene): ScreenView => {
    const nowMs = clock.nowMs();
    const view = viewOf(scene, english, nowMs);
    const inGerman = viewOf(scene, german, nowMs);
    screen.show(view, [inGerman]);
    germanScreen.show(inGerman, [view]);
    return view;
  };
  const headline = () => page.locator("#headline");
  const speak = async (language: "en" | "de"): Promise<void> => {
    if ((await page.locator("html").getAttribute("lang")) !== language) await page.locator("#language").click();
  };

  beforeAll(async () => {
    screen = await open();
    germanScreen = await open(0, [german, english]);
    confirming = setInterval(() => {
      if (isConfirmed) screen.confirm?.();
      germanScreen.confirm?.();
    }, 300);
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ["--no-sandbox", "--disable-background-networking"],
    });
    const context = await browser.newContext({ viewport: sizes.small });
    [page, germanPage] = [await context.newPage(), await context.newPage()];
    for (const one of [page, germanPage]) {
      one.on("pageerror", (error) => errors.push(error.message));
      one.on("console", (message) => {
        if (message.type() === "error") errors.push(message.text());
      });
    }
    show(sceneNamed("ready"));
    await page.goto(`http://127.0.0.1:${screen.port}/`);
    await germanPage.goto(`http://127.0.0.1:${germanScreen.port}/`);
    if (WRITES_PICTURES) await mkdir(pictures, { recursive: true });
  });

  afterAll(async () => {
    clearInterval(confirming);
    await browser.close();
    await Promise.all([screen.close(), germanScreen.close()]);
  });

  beforeEach(async () => {
    await page.setViewportSize(sizes.small);
    errors.length = 0;
    actions.length = 0;
  });

  describe.each(["en", "de"] as const)("in %s", (language) => {
    // Each at a screen of its own: one that was switched goes back by itself.
    const shown = () => (language === "en" ? page : germanPage);

    test.each(scenes)("$name: whole and large on every display", async (scene) => {
      const messages = language === "en" ? english : german;
      show(scene);
      const view = viewOf(scene, messages, clock.nowMs());
      await expect.poll(() => shown().locator("#headline").textContent()).toBe(view.headline);
      for (const [name, size] of Object.entries(sizes)) {
        await shown().setViewportSize(size);
        await shown().evaluate(
          () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
        );
        expect(await shown().evaluate(findClipped), `${scene.name} at ${name}`).toEqual([]);
        // Codes are drawn anew where the page finds another size for them.
        if (view.missing && name !== "portrait") {
          await vi.waitFor(async () => expect(await readCodes(shown(), browser)).toEqual(urlsOf(view)), REDRAWN);
        }
        // A fourteenth of the height: 11 mm on a display of 7 inches, read from two metres and more.
        if (!view.missing && name !== "portrait") {
          const letters = await shown()
            .locator("#headline")
            .evaluate((element) => parseFloat(getComputedStyle(element).fontSize));
          expect(letters).toBeGreaterThan(size.height / 14);
        }
        const { picture } = scene;
        if (WRITES_PICTURES && picture?.language === language && picture.size === name) {
          await shown().screenshot({ path: join(pictures, `${fileName(scene.name)}-${language}.png`) });
        }
      }
      expect(errors).toEqual([]);
    });

    test("has no accessibility findings in any tone, light or dark", async () => {
      const tones = new Set<string>();
      for (const scene of scenes) {
        const { tone } = show(scene);
        if (tones.has(tone) && !scene.name.includes("eight")) continue;
        tones.add(tone);
        await shown().locator(`body[data-tone="${tone}"]`).waitFor();
        const { violations } = await new AxeBuilder({ page: shown() }).analyze();
        expect(
          violations.map(({ id, nodes }) => `${scene.name}: ${id}: ${nodes.map(({ html }) => html).join(" ")}`),
        ).toEqual([]);
      }
      expect(tones.size).toBeGreaterThanOrEqual(8);
    });
  });

  test("each tone has a shape and a word of its own beside its colour", async () => {
    await speak("en");
    const shapes = new Set<string>();
    const tones = new Set<string>();
    for (const scene of scenes) {
      const { tone } = show(scene);
      await page.locator(`body[data-tone="${tone}"]`).waitFor();
      tones.add(tone);
      shapes.add(await page.locator("#sign").innerHTML());
      const words = await page.locator("#words").innerText();
      expect(words).toContain(english.texts[`tone.${tone}`]);
    }
    expect(shapes.size).toBe(tones.size);
  });

  test("a running use counts down in the page, without a further message", async () => {
    await speak("en");
    show(sceneNamed("time nearly up"));
    await expect.poll(() => page.locator("#left").textContent()).toMatch(/^[34]:\d\d$/);
    const first = await page.locator("#left").textContent();
    await expect.poll(() => page.locator("#left").textContent(), { timeout: 5_000 }).not.toBe(first);
  });

  test("ends a use by two presses, and not by one", async () => {
    await speak("en");
    show(sceneNamed("enabled"));
    await headline().filter({ hasText: "Enabled" }).waitFor();
    await page.locator("#end").click();
    expect(actions).toEqual([]);
    if (WRITES_PICTURES) await page.screenshot({ path: join(pictures, "end-en.png") });
    await page.locator("#end").filter({ hasText: "Press again" }).click();
    await expect.poll(() => actions).toEqual([{ kind: "endPressed" }]);
    show(sceneNamed("ready"));
    await page.locator("#end").waitFor({ state: "hidden" });
  });

  test("reports a problem in the reader's language, and tells staff in the screen's own", async () => {
    await speak("de");
    show(sceneNamed("ready"));
    await page.locator("#problem").click();
    expect(await page.evaluate(findClipped)).toEqual([]);
    if (WRITES_PICTURES) await page.screenshot({ path: join(pictures, "problem-de.png") });
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id }) => id)).toEqual([]);
    await page.getByRole("button", { name: "Etwas ist kaputt" }).click();
    await page.getByText("Danke, das Team weiß Bescheid").waitFor();
    if (WRITES_PICTURES) await page.screenshot({ path: join(pictures, "problem-told-de.png") });
    expect(actions).toEqual([{ kind: "problemReported", reason: "Something is broken" }]);
    await page.locator("#back").click();
    await speak("en");
  });

  test("never shows a stale state: a loop that stands still, then a controller that is gone, then a new one", async () => {
    await speak("en");
    show(sceneNamed("enabled"));
    await headline().filter({ hasText: "Enabled" }).waitFor();
    const cover = page.locator("#lost");
    const covered = () => cover.evaluate((element) => getComputedStyle(element).opacity);
    expect(await covered()).toBe("0");
    isConfirmed = false;
    await expect.poll(covered, { timeout: 12_000 }).toBe("1");
    expect(await cover.innerText()).toContain("No connection to the controller");
    isConfirmed = true;
    await expect.poll(covered, { timeout: 12_000 }).toBe("0");

    const { port } = screen;
    await screen.close();
    await expect.poll(covered, { timeout: 12_000 }).toBe("1");
    if (WRITES_PICTURES) await page.screenshot({ path: join(pictures, "no-connection-en.png") });
    expect(await page.locator("#end").evaluate((element) => element.closest("[inert]") !== null)).toBe(true);
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id }) => id)).toEqual([]);
    screen = await open(port);
    show(sceneNamed("ready"));
    await expect.poll(() => headline().textContent(), { timeout: 12_000 }).toBe("Laser cutter");
    await expect.poll(covered, { timeout: 12_000 }).toBe("0");
    // The page's token is the new start's.
    await page.locator("#problem").click();
    await page.getByRole("button", { name: "It works badly" }).click();
    await page.getByText("Thank you, staff is told").waitFor();
    await page.locator("#back").click();
  });

  test("covers a page whose own script hangs", async () => {
    await speak("en");
    show(sceneNamed("enabled"));
    await headline().filter({ hasText: "Enabled" }).waitFor();
    // What the compositor draws is told by no script of a page that hangs: the beats are kept from it instead.
    await page.evaluate(() => {
      for (const animation of document.getElementById("lost")?.getAnimations() ?? []) animation.play = () => undefined;
      for (const animation of document.getElementById("lost")?.getAnimations() ?? []) {
        Object.defineProperty(animation, "currentTime", { set: () => undefined });
      }
    });
    const opacity = () => page.locator("#lost").evaluate((element) => getComputedStyle(element).opacity);
    await expect.poll(opacity, { timeout: 12_000 }).toBe("1");
    await page.reload();
    await headline().filter({ hasText: "Enabled" }).waitFor();
  });

  test("moves only for those who like it", async () => {
    show(sceneNamed("reading"));
    await page.locator('body[data-tone="reading"]').waitFor();
    const moving = () => page.locator("#sign").evaluate((sign) => sign.getAnimations({ subtree: true }).length);
    expect(await moving()).toBeGreaterThan(0);
    await page.emulateMedia({ reducedMotion: "reduce" });
    expect(await moving()).toBe(0);
    await page.emulateMedia({ reducedMotion: "no-preference" });
  });
});

function urlsOf({ missing }: ScreenView): readonly string[] {
  return (missing?.trainings ?? []).flatMap(({ url }) => (url === "" ? [] : [url]));
}

/** What a camera reads off the display, pixel by pixel. */
async function readCodes(page: Page, browser: Browser): Promise<readonly string[]> {
  const darkroom = await browser.newPage();
  const read: string[] = [];
  try {
    for (const code of await page.locator(".code").all()) {
      const png = (await code.screenshot()).toString("base64");
      const { width, height, pixels } = await darkroom.evaluate(async (base64) => {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
        const canvas = new OffscreenCanvas(image.width, image.height);
        const context = canvas.getContext("2d");
        context?.drawImage(image, 0, 0);
        const { data } = context?.getImageData(0, 0, image.width, image.height) ?? { data: [] };
        return { width: image.width, height: image.height, pixels: [...data] };
      }, png);
      read.push(decodeQR({ width, height, data: Uint8Array.from(pixels) }));
    }
  } finally {
    await darkroom.close();
  }
  return read;
}

/** Texts that stick out of the display or of their part of it, or are cut off. Runs in the page. */
function findClipped(): string[] {
  const findings: string[] = [];
  const texts =
    "#machine, #tone, #headline, #detail, #next, #more, .training strong, .why, .note, button, #left, h2, #told";
  const dialog = document.querySelector("dialog[open]");
  for (const element of (dialog ?? document).querySelectorAll<HTMLElement>(texts)) {
    if (element.offsetParent === null || element.textContent === "") continue;
    const box = element.getBoundingClientRect();
    const part = element.closest("header, main, footer, dialog")?.getBoundingClientRect();
    const bounds = part ?? new DOMRect(0, 0, innerWidth, innerHeight);
    const said = `#${element.id || element.className}: ${element.textContent.slice(0, 40)}`;
    if (box.right > innerWidth + 1 || box.left < -1 || box.bottom > innerHeight + 1)
      findings.push(`off the display ${said}`);
    if (box.bottom > bounds.bottom + 2 || box.top < bounds.top - 2) findings.push(`out of its part ${said}`);
    if (element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== "inline") {
      findings.push(`cut off ${said}`);
    }
  }
  return findings;
}

function fileName(name: string): string {
  return name
    .replaceAll(/[^a-z]+/gi, "-")
    .replaceAll(/^-|-$/g, "")
    .toLowerCase();
}
