/// <reference lib="dom" />
import type { PageSetup, PageView } from "../page-state.js";
import { connect } from "./connection.js";
import { Countdown } from "./countdown.js";
import { byId, setText } from "./dom.js";
import { fit, showView } from "./show-view.js";
import { Wishes } from "./wishes.js";

/** The next person finds the screen in its own language. */
const LANGUAGE_MS = 60_000;

const NONE: PageSetup["languages"][number] = { language: "en", name: "", texts: {} };
const setup = JSON.parse(document.body.dataset.setup ?? "") as PageSetup;
document.body.dataset.page = setup.token;
const wishes = new Wishes(setup.token);
const countdown = new Countdown();
let views: readonly PageView[] = [];
let place = 0;
let languageTimer: ReturnType<typeof setTimeout> | undefined;

function show(): void {
  const { language, texts } = setup.languages[place] ?? NONE;
  const other = setup.languages[(place + 1) % setup.languages.length];
  document.documentElement.lang = language;
  setText(byId("language"), setup.languages.length > 1 ? (other?.name ?? "") : "");
  byId("language").lang = other?.language ?? language;
  for (const part of ["headline", "detail", "next"]) byId(`lost-${part}`).textContent = texts[`lost.${part}`] ?? "";
  const view = views[place] ?? views[0];
  if (view) showView(view);
  else setText(byId("headline"), texts["connecting"] ?? "");
  byId("left-label").textContent = texts["timeLeft"] ?? "";
  wishes.show(texts, view?.canEnd ?? false, view?.problems ?? []);
  fit();
}

byId("language").addEventListener("click", () => {
  place = (place + 1) % setup.languages.length;
  clearTimeout(languageTimer);
  languageTimer = setTimeout(goBack, LANGUAGE_MS);
  show();
});

/** Never in the middle of somebody's use. */
function goBack(): void {
  if (views[0]?.canEnd) {
    languageTimer = setTimeout(goBack, LANGUAGE_MS);
    return;
  }
  place = 0;
  show();
}

addEventListener("resize", fit);
show();
connect({
  onViews: (next) => {
    views = next;
    show();
  },
  onLeft: (leftMs) => {
    const wasShown = !byId("countdown").hidden;
    countdown.set(leftMs);
    if (wasShown === byId("countdown").hidden) fit();
  },
});
