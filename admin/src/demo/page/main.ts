/// <reference lib="dom" />
import type { DemoState } from "../demo-state.js";
import { act, showNotice } from "./actions.js";
import { type CardView, createCardView } from "./card-view.js";
import { byId, make, setAttribute, setText } from "./dom.js";
import { createHand } from "./hand.js";
import { createHandBar } from "./hand-bar.js";
import { setUpIssueDialog } from "./issue-dialog.js";
import { createLogView } from "./log-view.js";
import { type MachineView, createMachineView } from "./machine-view.js";

let state: DemoState | undefined;
const hand = createHand(() => {
  if (state) render(state);
});
const machines = new Map<string, MachineView>();
const cards = new Map<string, CardView>();
const showLog = createLogView(byId("log-rows", HTMLElement), byId("log-empty", HTMLElement));
const showHandBar = createHandBar(hand, byId("hand-bar", HTMLElement));
const peoplesCards = byId("card-list", HTMLElement);
const oddCards = byId("odd-list", HTMLElement);
const server = document.querySelector(".server");
const serverPlug = byId("server-plug", HTMLButtonElement);

function render(now: DemoState): void {
  if (!state) setUpIssueDialog(now);
  state = now;
  renderServer(now);
  for (const machine of now.machines) {
    let view = machines.get(machine.id);
    if (!view) {
      view = createMachineView(machine, hand);
      machines.set(machine.id, view);
      byId("machines", HTMLElement).append(view.element);
    }
    view.update(machine, now);
  }
  for (const card of now.cards) {
    let view = cards.get(card.id);
    if (!view) {
      view = createCardView(card, hand);
      cards.set(card.id, view);
    }
    view.update(card, now);
    const isOdd = card.kind !== "person" && card.kind !== "blank";
    const list = isOdd ? oddCards : peoplesCards;
    // The blank card stays the last one: a card that was written takes its place.
    if (view.element.parentElement !== list) list.append(view.element);
  }
  showHandBar(now);
  showLog(now.log);
  for (const trouble of now.troubles) showNotice(trouble);
}

function renderServer({ gateway, machines: all }: DemoState): void {
  const up = gateway.running && gateway.plugged;
  server?.classList.toggle("up", up);
  const connected = all.filter((machine) => machine.connected).length;
  setText(
    byId("server-state", HTMLElement),
    gateway.running ? `${connected} of ${all.length} machines in contact` : "stopped",
  );
  setAttribute(serverPlug, "aria-checked", String(gateway.plugged));
  const plugged = gateway.plugged ? "Network plugged in" : "Plug pulled";
  setAttribute(serverPlug, "aria-label", `${plugged}: server`);
  setText(serverPlug.querySelector(".plug-text") ?? serverPlug, plugged);
  const hint = byId("cli-hint", HTMLElement);
  if (hint.childElementCount > 0) return;
  const command = `npx badgekey status --url ${gateway.url} --token-file ${gateway.tokenFile}`;
  hint.append("The command line works here, too: ", make("code", {}, command));
}

serverPlug.addEventListener("click", () => {
  if (state) void act("plug", { target: "gateway", plugged: !state.gateway.plugged });
});

const events = new EventSource("/api/events");
events.addEventListener("message", ({ data }: MessageEvent<string>) => render(JSON.parse(data) as DemoState));
events.addEventListener("error", () => {
  setText(byId("server-state", HTMLElement), "the demo does not answer: was it stopped?");
});
