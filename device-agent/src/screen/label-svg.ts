import { LAMP_PATTERNS } from "../hardware/lamp-pattern.js";
import type { ScreenTone } from "../ports.js";
import { type Messages, say } from "./messages/messages.js";
import { qrPathOf } from "./qr-path.js";

export interface Label {
  /** The machine's. */
  readonly name: string;
  /** What the code leads to: the machine's page, or empty. */
  readonly url: string;
  readonly presence: "tap" | "hold";
  /** The first one is written large. */
  readonly languages: readonly [Messages, ...Messages[]];
}

const TONES: readonly ScreenTone[] = [
  "ready",
  "reading",
  "busy",
  "enabled",
  "warning",
  "refused",
  "outOfService",
  "attention",
];
const BEAT_MS = 250;
const BEATS = 12;
const colours = { green: "#177a3f", yellow: "#c98a00", red: "#b3261e" } as const;

/**
 * A label for a machine without a screen, A6 across, as SVG: its name, what to do, a code to its page, what its lamps
 * say.
 */
export function labelSvg({ name, url, presence, languages }: Label): string {
  const [own, ...others] = languages;
  const asks = languages.map((one) => say(one, presence === "hold" ? "ready.hold" : "ready.tap"));
  const code = qrPathOf(url);
  const nameSize = Math.min(11, 165 / Math.max(12, name.length));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="148mm" height="105mm" viewBox="0 0 148 105" font-family="Inter, Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif">`,
    `<title>${escaped(`${name}: ${asks[0] ?? ""}`)}</title>`,
    `<rect width="148" height="105" fill="#ffffff"/>`,
    `<rect x="1" y="1" width="146" height="103" rx="4" fill="none" stroke="#16201f" stroke-width="0.6"/>`,
    line({ x: 8, y: 17, size: nameSize, weight: 800 }, name),
    ...asks.map((ask, row) =>
      line({ x: 8, y: 27 + row * 6, size: row === 0 ? 5.4 : 4.4, weight: row === 0 ? 700 : 400 }, ask),
    ),
    ...(code
      ? [
          `<svg x="104" y="6" width="38" height="38" viewBox="0 0 ${code.size} ${code.size}" shape-rendering="crispEdges">` +
            `<path d="${code.path}"/></svg>`,
        ]
      : []),
    ...TONES.flatMap((tone, row) => {
      const y = 48 + row * 6.6;
      const words = others.map((one) => say(one, `tone.${tone}`)).join(" · ");
      return [
        ...rhythmOf(tone, y),
        line({ x: 66, y: y + 3.6, size: 3.9, weight: 700 }, say(own, `tone.${tone}`)),
        line({ x: 105, y: y + 3.6, size: 3.7, weight: 400 }, words),
      ];
    }),
    "</svg>\n",
  ].join("\n");
}

/** Three seconds of a signal, a quarter of a second a box: colours of two lamps lie above each other. */
function rhythmOf(tone: ScreenTone, y: number): readonly string[] {
  const { always } = LAMP_PATTERNS[tone];
  const beats = always.flatMap(({ lit, ms }) => {
    const count = ms === Number.POSITIVE_INFINITY ? BEATS : ms / BEAT_MS;
    return Array.from({ length: Math.min(BEATS, count) }, () => lit);
  });
  return Array.from({ length: BEATS }, (_, place) => {
    const lit = (beats[place % beats.length] ?? []).filter((lamp) => lamp !== "buzzer");
    const x = 8 + place * 4.6;
    const frame = `<rect x="${x}" y="${y}" width="4" height="4.4" rx="0.7" fill="none" stroke="#9aa3a2" stroke-width="0.25"/>`;
    const lamps = lit.map((lamp, above) => {
      const height = 4.4 / lit.length;
      return `<rect x="${x}" y="${y + above * height}" width="4" height="${height}" rx="0.7" fill="${colours[lamp]}"/>`;
    });
    return [frame, ...lamps].join("");
  });
}

function line(
  { x, y, size, weight }: { readonly x: number; readonly y: number; readonly size: number; readonly weight: number },
  text: string,
): string {
  return `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" fill="#16201f">${escaped(text)}</text>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
