/** Which of the connected readers an agent is bound to, or why to none. */
export type ReaderChoice = { readonly reader: string } | { readonly reason: string };

/**
 * Chooses the one reader that fits (DESIGN 5). `wanted` is the beginning of its name, or another part of it, such as
 * the serial number or the USB path: names carry counters that change when a reader is plugged in again. Without
 * `wanted` the only reader is the one. A reason that begins with "ambiguous:" will not mend itself: the configuration
 * must name one.
 */
export function chooseReader(names: readonly string[], wanted: string | undefined): ReaderChoice {
  const fitting = wanted === undefined ? names : fittingNames(names, wanted);
  const [only, ...others] = fitting;
  if (only === undefined) {
    if (names.length === 0) return { reason: "absent: no reader is connected" };
    return { reason: `absent: no reader is named ${quote(wanted ?? "")}; connected: ${names.map(quote).join(", ")}` };
  }
  if (others.length === 0) return { reader: only };
  const hint = "put the serial number or another distinct part of one name into the configuration";
  return { reason: `ambiguous: ${fitting.length} readers fit (${fitting.map(quote).join(", ")}); ${hint}` };
}

function fittingNames(names: readonly string[], wanted: string): readonly string[] {
  const beginning = names.filter((name) => name.startsWith(wanted));
  return beginning.length > 0 ? beginning : names.filter((name) => name.includes(wanted));
}

function quote(name: string): string {
  return JSON.stringify(name);
}
