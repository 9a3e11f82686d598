/// <reference lib="dom" />
import { drawing } from "./dom.js";

/** A shape of its own for each tone, 48 × 48, drawn in lines: nobody has to tell colours apart. */
const shapes: Readonly<Record<string, readonly string[]>> = {
  // A card before a reader.
  ready: [
    "M6 15h23a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V17a2 2 0 0 1 2-2z",
    "M4 21.500h27",
    "M36 18a10 10 0 0 1 0 12",
    "M40.500 13a17.500 17.500 0 0 1 0 22",
  ],
  // Waves.
  reading: ["M14 20a7 7 0 0 1 0 8", "M21 15.500a14 14 0 0 1 0 17", "M28 11a21 21 0 0 1 0 26"],
  // An hourglass.
  busy: ["M14 7h20", "M14 41h20", "M16 7c0 9 8 11 8 17s-8 8-8 17", "M32 7c0 9-8 11-8 17s8 8 8 17"],
  // A circle with a tick.
  enabled: ["M24 4a20 20 0 1 0 0 40 20 20 0 0 0 0-40z", "M14.500 24.500l6.500 6.500 12.500-13.500"],
  // A triangle with an exclamation mark.
  warning: ["M24 5 45 42H3z", "M24 18v11", "M24 35.500v.500"],
  // An octagon with a cross.
  refused: ["M15.500 4h17L44 15.500v17L32.500 44h-17L4 32.500v-17z", "M17 17l14 14", "M31 17 17 31"],
  // A circle with a bar.
  outOfService: ["M24 4a20 20 0 1 0 0 40 20 20 0 0 0 0-40z", "M13 24h22"],
  // A square on its corner with an exclamation mark.
  attention: ["M24 3 45 24 24 45 3 24z", "M24 14v12", "M24 33v.500"],
};

export function signOf(tone: string): SVGElement {
  return drawing(48, shapes[tone] ?? []);
}

/** Small ones before a note, 24 × 24. */
const noteShapes: Readonly<Record<string, readonly string[]>> = {
  lists: ["M12 5v8l5 3", "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20z"],
  clock: ["M12 6v7", "M12 17v.500", "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20z"],
  watchOnly: ["M2 12c5-8 15-8 20 0-5 8-15 8-20 0z", "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z"],
  open: ["M4 11h16v10H4z", "M8 11V7a4 4 0 0 1 8-1"],
  bypass: ["M8 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8z", "M11 11l10 10", "M17 17l-3 3"],
  readerLost: ["M4 5h9v14H4z", "M16 9l6 6", "M22 9l-6 6"],
};

export function noteSignOf(kind: string): SVGElement {
  return drawing(24, noteShapes[kind] ?? []);
}
