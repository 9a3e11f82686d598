/// <reference lib="dom" />
import type { LogRow } from "../demo-state.js";
import { make } from "./dom.js";

/** Keeps the table of the usage log: new rows come in on top, known ones stay as they are. */
export function createLogView(body: HTMLElement, empty: HTMLElement): (rows: readonly LogRow[]) => void {
  const known = new Map<string, HTMLElement>();
  let first = true;
  return (rows) => {
    empty.hidden = rows.length > 0;
    const wanted = new Set(rows.map(({ key }) => key));
    for (const [key, element] of known) {
      if (wanted.has(key)) continue;
      known.delete(key);
      element.remove();
    }
    rows.forEach((row, index) => {
      let element = known.get(row.key);
      if (!element) {
        element = makeRow(row, first);
        known.set(row.key, element);
      }
      if (body.children[index] !== element) body.insertBefore(element, body.children[index] ?? null);
    });
    first = false;
  };
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

function makeRow(row: LogRow, quiet: boolean): HTMLElement {
  const time = make("time", { datetime: row.at }, clock.format(new Date(row.at)));
  const detail = make("td", {}, row.detail);
  if (row.code !== "") detail.append(" ", make("code", {}, row.code));
  return make(
    "tr",
    quiet ? {} : { class: "fresh" },
    make("td", {}, time),
    make("td", {}, row.machine),
    make("td", {}, make("span", { class: `what ${row.tone}` }, row.what)),
    make("td", {}, row.person),
    detail,
  );
}
