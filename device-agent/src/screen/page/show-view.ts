/// <reference lib="dom" />
import type { PageView } from "../page-state.js";
import { byId, drawing, make, setText } from "./dom.js";
import { noteSignOf, signOf } from "./signs.js";

/** Puts a view on the page. */
export function showView(view: PageView): void {
  const { tone, missing } = view;
  if (document.body.dataset.tone !== tone || byId("sign").childElementCount === 0) {
    byId("sign").replaceChildren(signOf(tone));
  }
  document.body.dataset.tone = tone;
  // The headline says it already where it is the machine's name.
  setText(byId("machine"), view.headline === view.machine ? "" : (view.machine ?? ""));
  byId("machine").hidden = false;
  // The word that goes with colour and shape, unless the texts say it themselves.
  const isSaid = [view.headline, view.detail].some((text) => text.startsWith(view.toneWord));
  setText(byId("tone"), isSaid ? "" : view.toneWord);
  setText(byId("headline"), view.headline);
  setText(byId("detail"), missing ? "" : view.detail);
  setText(byId("next"), missing ? missing.next : view.next);
  showMissing(missing);
  byId("notes").replaceChildren(
    ...(view.notes ?? []).map(({ kind, text }) => {
      const note = make("li", "note");
      note.append(noteSignOf(kind), make("span", "", text));
      return note;
    }),
  );
}

function showMissing(missing: PageView["missing"]): void {
  const list = byId("trainings");
  const trainings = missing?.trainings ?? [];
  list.hidden = trainings.length === 0;
  list.dataset.count = trainings.length > 3 ? "many" : trainings.length > 1 ? "few" : "one";
  list.replaceChildren(
    ...trainings.map(({ name, why, code }) => {
      const item = make("li", "training");
      const words = make("div", "");
      words.append(make("strong", "", name), make("span", "why", why));
      if (code) item.append(drawing(code.size, [code.path], "code"));
      item.append(words);
      return item;
    }),
  );
  setText(byId("more"), missing?.more ?? "");
}

const LARGEST = 1.5;
const SMALLEST = 0.3;
const STEP = 0.94;

/** Makes everything as large as fits: the longest sentence of the longest language is still whole. */
export function fit(): void {
  const root = document.documentElement;
  let scale = LARGEST;
  root.style.setProperty("--fit", String(scale));
  while (overflows() && scale > SMALLEST) {
    scale *= STEP;
    root.style.setProperty("--fit", String(scale));
  }
  // One word that is too long for its place makes itself smaller, and not all the others.
  for (const name of document.querySelectorAll<HTMLElement>(".training strong, .why")) {
    name.style.fontSize = "";
    if (name.scrollWidth <= name.clientWidth) continue;
    const size = parseFloat(getComputedStyle(name).fontSize);
    name.style.fontSize = `${(size * name.clientWidth) / (name.scrollWidth + 1)}px`;
  }
}

function overflows(): boolean {
  const { body } = document;
  if (body.scrollHeight > innerHeight || body.scrollWidth > innerWidth) return true;
  const room = (byId("view").parentElement ?? body).getBoundingClientRect();
  const parts = [byId("words"), byId("side")].map((part) => part.getBoundingClientRect());
  if (parts.some(({ top, bottom }) => top < room.top - 1 || bottom > room.bottom + 1)) return true;
  const broad = ["view", "words", "headline", "detail", "next", "notes"].map(byId);
  return broad.some(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth + 1);
}
