import { expect, test } from "vitest";
import { labelSvg } from "./label-svg.js";
import { english, german } from "./messages/messages.js";

const label = { name: "Laser cutter", url: "https://makerspace.example/laser", presence: "tap" } as const;

test("tells name, what to do, the lamps' signals in both languages, and leads to the machine's page", () => {
  const svg = labelSvg({ ...label, languages: [english, german] });
  for (const text of [
    "Laser cutter",
    "Tap your card to start",
    "Zum Starten Karte vorhalten",
    "Enabled",
    "Freigegeben",
  ]) {
    expect(svg).toContain(`>${text}</text>`);
  }
  expect(svg).toMatch(/<path d="M\d+ \d+h/);
  expect(labelSvg({ ...label, url: "", languages: [english] })).not.toContain("<path");
});

test("a name is text, whatever it looks like", () => {
  const svg = labelSvg({ ...label, name: '<script>"&', languages: [english] });
  expect(svg).toContain("&lt;script&gt;&quot;&amp;");
  expect(svg).not.toContain("<script");
});
