import { type ClockState, type Instant, type MachinePolicy, STATUS, statusListOver, toHex } from "@badgekey/shared";
import { missingAtSite } from "../../tap/missing-at-site.js";
import { policyInForce } from "../../tap/mode-in-force.js";
import { withdrawalOf } from "../../tap/withdrawal-of.js";
import type { InterlockEvent } from "../interlock-event.js";
import { sessionOf } from "../interlock-state.js";
import { type Random, randomOf } from "./random.js";
import type { Interlock } from "./search-interlock.js";
import {
  OWN,
  type Run,
  type SimulatedMachine,
  apply,
  begin,
  machinesOfGrid,
  newRun,
  workAt,
} from "./simulated-machine.js";

export interface SchedulesResult {
  readonly schedules: number;
  /** How often each thing happened while the machine was busy. */
  readonly happened: Readonly<Record<string, number>>;
  /** How often the relay of a busy machine opened because its policy asks for it. */
  readonly asked: number;
  /** How often it opened although its policy does not: must be 0 (SAFETY R10). */
  readonly notAsked: number;
  readonly violations: readonly string[];
}

const HAPPENINGS_PER_SCHEDULE = 30;
/** Short of the hard cap in most schedules, and beyond every grace in many. */
const PAUSES = [1, 150, 900, 2_000, 5_000, 13_000, 25_000] as const;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;
/** A Friday noon in the site's time zone. */
const NOON: Instant = Date.UTC(2026, 9, 16, 12);
const CLOSED_AT_NIGHT: MachinePolicy["schedule"] = [{ days: [1, 2, 3, 4, 5], from: "08:00", to: "20:00" }];
const JUMPS = [HOUR_MS, DAY_MS, 10 * YEAR_MS] as const;

/** What the agent knows of the world while a machine is used. */
interface World {
  readonly status: number;
  readonly isIssuerTrusted: boolean;
  readonly now: Instant;
  readonly clock: ClockState;
  /** Since when nothing was heard of the gateway. */
  readonly stalenessMs: number;
}

type Happening = (world: World, random: Random) => World;

/** All that the office, the network and the calendar do to a site. */
const world: Readonly<Record<string, Happening>> = {
  "the badge is revoked": (before) => ({ ...before, status: STATUS.revoked }),
  "the badge is suspended": (before) => ({ ...before, status: STATUS.suspended }),
  "the badge is superseded": (before) => ({ ...before, status: STATUS.superseded }),
  "the badge is good again": (before) => ({ ...before, status: STATUS.valid }),
  "its issuer is dropped": (before) => ({ ...before, isIssuerTrusted: false }),
  "its issuer is back": (before) => ({ ...before, isIssuerTrusted: true }),
  "badge, lists and root expire": (before) => ({ ...before, now: before.now + 2 * YEAR_MS }),
  "contact is lost for weeks": (before) => ({ ...before, stalenessMs: before.stalenessMs + 30 * DAY_MS }),
  "contact is back": (before) => ({ ...before, stalenessMs: 0 }),
  "the clock jumps ahead": (before, random) => ({ ...before, now: before.now + random.pick(JUMPS) }),
  "the clock jumps back": (before, random) => ({ ...before, now: before.now - random.pick(JUMPS) }),
  "the clock starts anew in 1970": (before) => ({ ...before, now: 0, clock: "untrusted" }),
  "the clock is not confirmed any more": (before) => ({ ...before, clock: "untrusted" }),
  "the clock is confirmed": (before) => ({ ...before, clock: "synced" }),
};

const lockout = { reason: "service", by: "staff-1", at: 0 };
type Bare<E = InterlockEvent> = E extends InterlockEvent ? Omit<E, "atMs"> : never;

/** What else may be told meanwhile, and has to wait until the machine rests. */
const orders: Readonly<Record<string, Bare>> = {
  "a policy arrives": { kind: "policyChanged" },
  "out of service when free": { kind: "outOfServiceSet", when: "whenFree", lockout },
  "back in service": { kind: "outOfServiceCleared", by: "staff-1" },
  "the reader is lost": { kind: "faultRaised", fault: "READER_LOST", severity: "whenIdle" },
  "the reader is found": { kind: "faultCleared", fault: "READER_LOST" },
  "the journal is lost": { kind: "faultRaised", fault: "JOURNAL_UNAVAILABLE", severity: "whenIdle" },
  "the busy input is lost": { kind: "inputLost", input: "busy" },
  "the machine is seen busy": { kind: "inputChanged", input: "busy", active: true, session: new Uint8Array(8) },
  "a stranger's card is refused": { kind: "tapRefused", key: "x" },
};

const titles = [...Object.keys(world), ...Object.keys(orders), ...Array.from({ length: 8 }, () => "time passes")];

/**
 * Random schedules of what happens around a busy machine: badges withdrawn and good again, whatever expires, contact
 * lost, clocks that jump, orders that wait. What of it reaches the interlock, the agent's own rules decide
 * (`withdrawalOf`, `policyInForce`); that the agent asks nothing else, its own tests show. The same seed gives the same
 * result.
 */
export function simulateSchedules(
  { count, seed }: { readonly count: number; readonly seed: number },
  interlock: Interlock = OWN,
): SchedulesResult {
  const random = randomOf(seed);
  const machines = machinesOfGrid().filter(
    ({ policy }) => policy.wiring.inputs.busy && policy.wiring.output === "hold",
  );
  const violations = new Set<string>();
  const happened = new Map<string, number>();
  let [asked, notAsked] = [0, 0];
  for (let schedule = 0; schedule < count; schedule++) {
    const site = new BusySite(random.pick(machines), random, { interlock, violations });
    for (let index = 0; index < HAPPENINGS_PER_SCHEDULE && site.isClosed; index++) {
      const title = random.pick(titles);
      happened.set(title, (happened.get(title) ?? 0) + 1);
      site.live(title, random.pick(PAUSES));
    }
    if (site.opened === "asked") asked += 1;
    if (site.opened === "notAsked") notAsked += 1;
  }
  return { schedules: count, happened: Object.fromEntries(happened), asked, notAsked, violations: [...violations] };
}

/** A machine that runs, and the world around it. */
class BusySite {
  readonly #machine: SimulatedMachine;
  readonly #random: Random;
  readonly #applying: { readonly interlock: Interlock; readonly violations: Set<string> };
  readonly #run: Run = newRun();
  #world: World = { status: STATUS.valid, isIssuerTrusted: true, now: NOON, clock: "synced", stalenessMs: 0 };
  /** Since when the office has withdrawn the badge: what the interlock ought to have been told. */
  #withdrawnMs: number | undefined;
  #toldWithdrawn = false;
  opened: "asked" | "notAsked" | undefined;

  constructor(
    machine: SimulatedMachine,
    random: Random,
    applying: { readonly interlock: Interlock; readonly violations: Set<string> },
  ) {
    const { policy } = machine;
    const mode = policy.mode.kind === "enforce" ? policy.mode : { ...policy.mode, until: NOON + HOUR_MS };
    const schedule = random.below(2) === 0 ? CLOSED_AT_NIGHT : [];
    this.#machine = { ...machine, policy: { ...policy, mode, schedule } };
    this.#random = random;
    this.#applying = applying;
    begin(this.#run, this.#inForce(), applying);
    workAt(this.#run, this.#inForce(), applying);
    if (!this.isClosed) throw new Error(`nobody works at it: ${machine.title}`);
  }

  get isClosed(): boolean {
    return this.#run.monitor.outputs.relay === "closed";
  }

  live(title: string, afterMs: number): void {
    this.#run.atMs += afterMs;
    this.#apply({ kind: "tick" });
    const change = world[title];
    if (change) this.#world = change(this.#world, this.#random);
    const isGood =
      this.#world.isIssuerTrusted && [STATUS.valid, STATUS.superseded].some((is) => is === this.#world.status);
    this.#withdrawnMs = isGood ? undefined : (this.#withdrawnMs ?? this.#run.atMs);
    const order = orders[title];
    if (order) this.#apply(order);
    this.#tellStatus();
    this.#apply({ kind: "tick" });
  }

  /** As the agent does after whatever it learnt. */
  #tellStatus(): void {
    const holder = sessionOf(this.#run.state)?.holder;
    if (!holder) return;
    const code = withdrawalOf(holder, this.#trust(toHex(holder.issuer), holder.statusIndex));
    if ((code !== undefined) === this.#toldWithdrawn) return;
    this.#toldWithdrawn = code !== undefined;
    this.#apply(
      code === undefined
        ? { kind: "badgeStatusChanged", status: "good" }
        : { kind: "badgeStatusChanged", status: "withdrawn", code },
    );
  }

  #apply(event: Bare): void {
    if (this.opened) return;
    const machine = this.#inForce();
    const { closedMs } = this.#run.monitor.open ?? {};
    apply(this.#run, { ...event, atMs: this.#run.atMs }, { machine, ...this.#applying });
    if (this.#run.monitor.outputs.relay === "open") this.opened = this.#isAsked(closedMs) ? "asked" : "notAsked";
  }

  /** Whether the policy asks for a busy machine's relay to be opened now: its grace is over, or the hard cap is. */
  #isAsked(closedMs: number | undefined): boolean {
    const { session, whenRevoked, graceSeconds } = this.#machine.policy;
    const { atMs } = this.#run;
    const capMs = (session.maxSeconds + session.overrunSeconds) * 1000;
    if (session.maxSeconds > 0 && closedMs !== undefined && atMs >= closedMs + capMs) return true;
    if (this.#withdrawnMs === undefined) return false;
    if (whenRevoked === "cutNow") return true;
    return whenRevoked !== "finishThenLock" && atMs >= this.#withdrawnMs + graceSeconds * 1000;
  }

  #inForce(): SimulatedMachine {
    const { now, clock, stalenessMs } = this.#world;
    const { policy } = this.#machine;
    const lists = { expiresAt: NOON + YEAR_MS };
    const site = { root: lists, trust: lists, policy: { timeZone: "UTC" } };
    const isHindered = (): boolean => missingAtSite({ site, now, clock, stalenessMs }, policy).length > 0;
    return { ...this.#machine, policy: policyInForce(policy, now, clock, isHindered) };
  }

  #trust(issuer: string, index: number): Parameters<typeof withdrawalOf>[1] {
    const { status, isIssuerTrusted } = this.#world;
    const packed = new Uint8Array((index >> 2) + 1);
    packed[index >> 2] = status << (2 * (index & 3));
    return {
      trust: { issuers: new Set(isIssuerTrusted ? [issuer] : []) },
      status: new Map([[issuer, { list: statusListOver(packed, 2) }]]),
    };
  }
}
