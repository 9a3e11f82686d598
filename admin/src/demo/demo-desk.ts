import { setTimeout as delay } from "node:timers/promises";
import type { BadgeView, MachineView } from "@badgekey/shared";
import { UnreachableError } from "../api/index.js";
import { type CardBox, blankCard } from "./card-box.js";
import { writeCardAt } from "./card-job.js";
import { DemoError } from "./data-dir.js";
import { type DemoState, type MachineState, badgeStateText, logRow, outOfServiceReason } from "./demo-state.js";
import { machinePlans, trainingPlans } from "./machines.js";
import { face } from "./seed.js";
import type { DemoMachine, DemoSite } from "./site.js";

/** What a visitor of the demo page can do, and what the page shows of it. */
export interface DemoDesk {
  state(): DemoState;
  /** Asks the gateway again what it knows of badges and machines. */
  refresh(): Promise<void>;
  place(card: string, machine: string): void;
  take(machine: string): void;
  setPlug(target: string, plugged: boolean): void;
  withdraw(card: string): Promise<void>;
  setOutOfService(machine: string, out: boolean): Promise<void>;
  /** Issues a badge and writes it to the blank card at a machine's reader. */
  issue(request: { name: string; trainings: readonly string[]; machine: string }): Promise<void>;
}

/** How long a tapped card stays in the field after the decision: as long as a hand holds it there. */
const TAP_LASTS_MS = 700;
const MOST_TAP_MS = 3000;
const ROWS_SHOWN = 60;

export function openDesk(site: DemoSite, box: CardBox, troubles: readonly string[]): DemoDesk {
  let gatewayPlugged = true;
  const unplugged = new Set<string>();
  const writing = new Set<string>();
  const names = new Map(machinePlans.map(({ id, name }) => [id, name]));
  /** How many taps each machine had decided when contact was lost. */
  const decidedAtLoss = new Map<string, number>();
  let badges: ReadonlyMap<string, BadgeView> = new Map();
  let machines: ReadonlyMap<string, MachineView> = new Map();

  const cardOf = (id: string) => {
    const card = box.get(id);
    if (!card) throw new DemoError(`there is no card ${id}`, "reload the page");
    return card;
  };
  const machineOf = (id: string): DemoMachine => {
    const machine = site.machines.get(id);
    if (!machine) throw new DemoError(`there is no machine ${id}`, "reload the page");
    return machine;
  };
  const laidOn = (card: string) => {
    const at = [...site.machines.values()].find(({ bench }) => bench.state.card === cardOf(card).card);
    return at?.id ?? null;
  };
  const presenceOf = (id: string) => machines.get(id)?.policy.presence ?? "tap";

  async function refresh(): Promise<void> {
    try {
      const [badgeList, machineList] = await Promise.all([site.api.badges(), site.api.machines()]);
      badges = new Map(badgeList.map((badge) => [badge.id, badge]));
      machines = new Map(machineList.map((machine) => [machine.id, machine]));
    } catch (error) {
      // A gateway that is away knows nothing new; the live stream says so already.
      if (!(error instanceof UnreachableError)) throw error;
    }
    site.changes.changed();
  }

  /** A tapped card is taken away again once it was answered; a card that has to stay in stays. */
  async function endTap(machine: DemoMachine, decisionsBefore: number): Promise<void> {
    const { card } = machine.bench.state;
    const { relay, screen } = machine.bench.state;
    const answered = () => {
      const now = machine.bench.state;
      if (now.card !== card) return true;
      const same = (now.decision?.count ?? 0) === decisionsBefore && now.relay === relay && now.screen === screen;
      return same ? undefined : true;
    };
    // No answer is an answer, too: a bounce, or an agent that is away.
    await site.changes.until("an answer", MOST_TAP_MS, answered).catch(() => true);
    await delay(TAP_LASTS_MS);
    if (machine.bench.state.card === card) machine.bench.remove();
  }

  return {
    refresh,
    state() {
      return {
        gateway: {
          running: site.gatewayRunning,
          plugged: gatewayPlugged,
          url: site.api.url,
          tokenFile: site.tokenFile,
        },
        machines: machinePlans.map((plan) => machineState(plan.id)),
        cards: box.all().map((card) => {
          const badge = card.badge === null ? undefined : badges.get(card.badge);
          return {
            id: card.id,
            kind: card.kind,
            name: card.name,
            trainings: card.trainings,
            note: card.note,
            state: badge?.state === "valid" ? "" : badgeStateText(badge),
            withdrawable: card.kind === "person" && badge?.state === "valid",
            uidEnd: Buffer.from(card.card.uid).toString("hex").slice(-4),
            at: laidOn(card.id),
          };
        }),
        trainings: trainingPlans.map(({ slug, name }) => ({ slug, name })),
        log: site.live.rows.slice(0, ROWS_SHOWN).map((row) => logRow(row, names)),
        troubles,
      };
    },
    place(cardId, machineId) {
      const machine = machineOf(machineId);
      if (writing.has(machineId)) throw new DemoError("a card is being written here", "wait until it is done");
      const { card } = cardOf(cardId);
      const there = box.all().find((one) => one.card === machine.bench.state.card);
      if (there && there.id !== cardId && presenceOf(machineId) === "hold") {
        throw new DemoError(`the card of ${there.name} is in the ${machine.name}`, "take it out first");
      }
      const elsewhere = laidOn(cardId);
      if (elsewhere !== null) machineOf(elsewhere).bench.remove();
      const before = machine.bench.state.decision?.count ?? 0;
      machine.bench.insert(card);
      if (presenceOf(machineId) === "tap") void endTap(machine, before);
    },
    take(machineId) {
      machineOf(machineId).bench.remove();
    },
    setPlug(target, plugged) {
      if (target === "gateway") gatewayPlugged = plugged;
      else if (plugged) unplugged.delete(machineOf(target).id);
      else unplugged.add(machineOf(target).id);
      for (const { id, cable } of site.machines.values()) {
        const through = gatewayPlugged && !unplugged.has(id);
        if (through && !cable.plugged) cable.plug();
        if (!through && cable.plugged) cable.pull();
      }
      site.changes.changed();
    },
    async withdraw(cardId) {
      const { badge } = cardOf(cardId);
      if (badge === null) throw new DemoError("there is no badge on this card", "choose another card");
      await site.api.changeBadge(badge, "revoke", "withdrawn in the demo");
      await refresh();
    },
    async setOutOfService(machineId, out) {
      if (out) await site.api.takeOutOfService(machineId, { when: "whenFree", reason: "mirror is being cleaned" });
      else await site.api.release(machineId, "checked");
      await refresh();
    },
    async issue({ name, trainings, machine: machineId }) {
      const machine = machineOf(machineId);
      if (machine.bench.state.card || writing.has(machineId)) {
        throw new DemoError(`a card lies on the reader of ${machine.name}`, "take it away first");
      }
      const blank = box.all().find(({ kind }) => kind === "blank");
      if (!blank) throw new DemoError("no blank card is left", "start over with: npm start -- --fresh");
      writing.add(machineId);
      site.changes.changed();
      try {
        const people = await site.api.people();
        const person = people.find((one) => one.name === name) ?? (await site.api.addPerson({ name }));
        const issued = await site.api.issueBadge({
          person: person.id,
          grants: trainings.map((training) => ({ training })),
        });
        const badge = await writeCardAt(site, machineId, issued, blank.card);
        await box.put({ ...blank, ...face(badge), kind: "person", note: "" });
        await box.put({ ...blank, id: `blank-${badge.id}`, card: blankCard() });
      } finally {
        writing.delete(machineId);
        await refresh();
      }
    },
  };

  /** A machine without contact cannot report: then the taps that its bench saw since say how much there is. */
  function waitingAt({ id, bench }: DemoMachine): MachineState["waiting"] {
    const view = site.live.agents.get(id);
    const decided = bench.state.decision?.count ?? 0;
    if (view?.connected) {
      decidedAtLoss.delete(id);
      return { count: view.report?.pendingRecords ?? 0, of: "record" };
    }
    const before = decidedAtLoss.get(id) ?? decided;
    decidedAtLoss.set(id, before);
    return { count: decided - before, of: "tap" };
  }

  function machineState(id: string): MachineState {
    const machine = machineOf(id);
    const { bench, agent } = machine;
    const view = site.live.agents.get(id);
    const { decision, card } = bench.state;
    const plan = machinePlans.find((one) => one.id === id);
    return {
      id,
      name: machine.name,
      asksFor: trainingPlans.find(({ slug }) => slug === plan?.training)?.name ?? "",
      presence: presenceOf(id),
      plugged: !unplugged.has(id),
      connected: view?.connected ?? false,
      running: agent?.running ?? false,
      relay: bench.state.relay,
      screen: bench.state.screen ?? null,
      decision: decision
        ? {
            count: decision.count,
            accepted: decision.code === "ACCEPTED",
            code: decision.code,
            ms: decision.decisionUs / 1000,
          }
        : null,
      card: box.all().find((one) => one.card === card)?.id ?? null,
      waiting: waitingAt(machine),
      outOfService: outOfServiceReason(machines.get(id)),
      writing: writing.has(id),
    };
  }
}
