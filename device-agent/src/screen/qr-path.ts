import { encodeQR } from "qr";

/** A QR code as one SVG path in a square of `size` units, its quiet zone included. */
export interface QrPath {
  readonly size: number;
  readonly path: string;
}

/** What a phone's camera offers to open; anything else is no link. */
const LINK = /^(https?|mailto|tel):/i;
/** Longer ones need a code so fine that no phone reads it off a small display. */
const MOST_CHARS = 512;
const QUIET = 4;
const MOST_KEPT = 64;
const kept = new Map<string, QrPath>();

/** The QR code of a link; undefined where it is no link, or too long to be read off a display. */
export function qrPathOf(url: string): QrPath | undefined {
  if (!LINK.test(url) || url.length > MOST_CHARS) return undefined;
  const known = kept.get(url);
  if (known) return known;
  // Nothing wears off a display: the coarsest code is read from the farthest.
  const rows = encodeQR(url, "raw", { ecc: "low", border: QUIET });
  const made = { size: rows.length, path: rows.flatMap(pathOfRow).join("") };
  const oldest = kept.keys().next().value;
  if (kept.size >= MOST_KEPT && oldest !== undefined) kept.delete(oldest);
  kept.set(url, made);
  return made;
}

/** One rectangle for each run of dark modules. */
function pathOfRow(row: readonly boolean[], y: number): readonly string[] {
  const rectangles: string[] = [];
  for (let x = 0; x < row.length; x++) {
    if (!row[x]) continue;
    let width = 1;
    while (row[x + width]) width += 1;
    rectangles.push(`M${x} ${y}h${width}v1h-${width}z`);
    x += width;
  }
  return rectangles;
}
