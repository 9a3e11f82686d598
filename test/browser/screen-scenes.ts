import {
  type InterlockEvent,
  type InterlockState,
  type Messages,
  type Missing,
  type Notice,
  STARTING,
  type ScreenView,
  screenFor,
  step,
} from "@badgekey/device-agent";
import { type ClockState, DAY_MS, type MachinePolicyInput, type TapCode, machinePolicySchema } from "@badgekey/shared";

type Told = InterlockEvent extends infer E ? (E extends InterlockEvent ? Omit<E, "atMs"> : never) : never;
/** Milliseconds since the start, and what happens then; a card by its letter: "t" is a trainee's, "T" a trainer's. */
type Moment = readonly [atMs: number, what: Told | string];

/** A situation at a machine, as a person would tell it. */
export interface Scene {
  readonly name: string;
  readonly policy?: Partial<MachinePolicyInput>;
  readonly moments?: readonly Moment[];
  readonly notice?: Notice;
  readonly isReading?: boolean;
  readonly clock?: ClockState;
  readonly stalenessMs?: number;
  readonly hindrance?: TapCode;
  /** Kept as a picture in the docs, in this language and size. */
  readonly picture?: { readonly language: "en" | "de"; readonly size: keyof typeof sizes };
}

export const sizes = {
  small: { width: 800, height: 480 },
  middle: { width: 1024, height: 600 },
  large: { width: 1280, height: 800 },
  portrait: { width: 600, height: 1024 },
} as const;

/** 2026-01-02, 13:40 UTC. */
const NOW = Date.UTC(2026, 0, 2, 13, 40);
const short = { session: { maxSeconds: 7200, warnSeconds: 300 } };
const contact = "Ada, room 3.14";
const lockout = { reason: "The lens is cracked. A new one comes on Monday.", by: "staff-1", at: 0 };
const url = (path: string): string => `https://makerspace.example/training/${path}`;

const eight: readonly Missing[] = [
  ["Laser cutter, large", "TRAINING_ENDED", "laser-large"],
  ["Fire watch and extinguishers", "TRAINING_MISSING", "fire"],
  ["Compressed gases", "TRAINING_MISSING", "gases"],
  ["Fünfachsfräsmaschinenbedienung", "TRAINING_MISSING", "5-axis"],
  ["Holzbearbeitung Grundlagen", "TRAINING_ENDED", "wood"],
  ["Persönliche Schutzausrüstung", "LEVEL_TOO_LOW", "ppe"],
  ["Chemical storage", "TRAINING_MISSING", ""],
  ["Electrical safety", "TRAINING_MISSING", "electrical"],
].map(([name = "", code, path], number) => ({
  code: code as Missing["code"],
  training: { number, name, url: path === "" || path === undefined ? "" : url(path) },
  level: 2,
  ...(code === "TRAINING_ENDED" && { endedAt: NOW - 40 * DAY_MS }),
}));

function refused(...[first, ...more]: readonly Missing[]): Notice {
  if (!first) throw new RangeError("a refusal names something");
  return { kind: "refused", missing: [first, ...more] };
}

const laser = { number: 1, name: "Laser cutter", url: url("laser") };

export const scenes: readonly Scene[] = [
  { name: "ready", policy: { contact }, picture: { language: "en", size: "small" } },
  { name: "ready, card stays in", policy: { presence: "hold" } },
  {
    name: "checking the machine",
    policy: { wiring: { inputs: { emergencyStop: { pin: 17 } } } },
    picture: { language: "en", size: "middle" },
  },
  {
    name: "lists stale, clock not confirmed",
    stalenessMs: 2 * DAY_MS,
    clock: "untrusted",
    picture: { language: "de", size: "large" },
  },
  { name: "reading", isReading: true, picture: { language: "en", size: "middle" } },
  { name: "enabled", policy: short, moments: [[0, "a"]], picture: { language: "en", size: "small" } },
  {
    name: "enabled, card stays in",
    policy: { ...short, presence: "hold" },
    moments: [[0, "a"]],
    picture: { language: "de", size: "middle" },
  },
  {
    name: "time nearly up",
    policy: short,
    moments: [
      [0, "a"],
      [6_960_000, { kind: "tick" }],
    ],
    picture: { language: "en", size: "large" },
  },
  {
    name: "withdrawn in mid-use",
    policy: short,
    moments: [
      [0, "a"],
      [60_000, { kind: "badgeStatusChanged", status: "withdrawn", code: "BADGE_REVOKED" }],
    ],
    picture: { language: "de", size: "small" },
  },
  {
    name: "card taken out",
    policy: { presence: "hold" },
    moments: [
      [0, "a"],
      [1000, { kind: "cardRemoved" }],
    ],
  },
  {
    name: "out of service after this use, reader lost, open log",
    policy: short,
    moments: [
      [0, "a"],
      [1000, { kind: "outOfServiceSet", when: "whenFree", lockout }],
      [2000, { kind: "faultRaised", fault: "READER_LOST", severity: "whenIdle" }],
      [2000, { kind: "readerLost" }],
    ],
    stalenessMs: 2 * DAY_MS,
    clock: "untrusted",
    picture: { language: "de", size: "middle" },
  },
  {
    name: "press start",
    policy: { startButton: true },
    moments: [[0, "a"]],
    picture: { language: "de", size: "large" },
  },
  {
    name: "waits for a trainer",
    policy: { supervision: { mode: "allowed" } },
    moments: [[0, "t"]],
    picture: { language: "en", size: "small" },
  },
  {
    name: "with a trainer",
    policy: { ...short, supervision: { mode: "allowed" } },
    moments: [
      [0, "t"],
      [2000, "T"],
    ],
  },
  {
    name: "trainer has left",
    policy: { ...short, supervision: { mode: "allowed" } },
    moments: [
      [0, "t"],
      [2000, "T"],
      [60_000, "T"],
    ],
    picture: { language: "de", size: "middle" },
  },
  {
    name: "waits for the extraction",
    policy: { runOn: { seconds: 60, feedback: true }, wiring: { inputs: { extraction: { pin: 17 } } } },
    moments: [[0, "a"]],
    picture: { language: "en", size: "middle" },
  },
  {
    name: "take over?",
    moments: [
      [0, "a"],
      [5000, "b"],
    ],
    picture: { language: "de", size: "small" },
  },
  {
    name: "overrun",
    policy: { session: { maxSeconds: 600 }, wiring: { inputs: { busy: { pin: 17 } } } },
    moments: [
      [0, { kind: "inputChanged", input: "busy", active: false, session: new Uint8Array(8) }],
      [1, "a"],
      [2, { kind: "inputChanged", input: "busy", active: true, session: new Uint8Array(8) }],
      [700_000, { kind: "tick" }],
    ],
    picture: { language: "en", size: "middle" },
  },
  {
    name: "idle, ends soon",
    policy: { session: { idleSeconds: 600, maxSeconds: 0 }, wiring: { inputs: { busy: { pin: 17 } } } },
    moments: [
      [0, { kind: "inputChanged", input: "busy", active: false, session: new Uint8Array(8) }],
      [1, "a"],
      [420_000, { kind: "tick" }],
    ],
  },
  {
    name: "training needed",
    policy: { contact },
    notice: refused({ code: "TRAINING_MISSING", training: laser, level: 2 }),
    picture: { language: "en", size: "small" },
  },
  {
    name: "three trainings needed",
    policy: { contact },
    notice: refused(...eight.slice(0, 3)),
    picture: { language: "de", size: "middle" },
  },
  {
    name: "eight trainings needed",
    policy: { contact },
    notice: refused(...eight),
    picture: { language: "de", size: "small" },
  },
  { name: "not alone", notice: refused({ code: "SUPERVISION_REQUIRED", training: laser }) },
  { name: "see staff", notice: refused({ code: "BADGE_REVOKED" }), picture: { language: "en", size: "middle" } },
  { name: "copy protection", notice: refused({ code: "ASSURANCE_TOO_LOW" }) },
  { name: "copied card", notice: refused({ code: "CARD_MISMATCH" }) },
  {
    name: "out of service",
    policy: { contact },
    moments: [[0, { kind: "outOfServiceSet", when: "now", lockout }]],
    picture: { language: "en", size: "small" },
  },
  {
    name: "reader gone",
    policy: { contact },
    moments: [[0, { kind: "faultRaised", fault: "READER_LOST", severity: "whenIdle" }]],
    picture: { language: "de", size: "middle" },
  },
  {
    name: "emergency stop",
    policy: { wiring: { inputs: { emergencyStop: { pin: 17 } } } },
    moments: [[0, { kind: "inputChanged", input: "emergencyStop", active: true, session: new Uint8Array(8) }]],
    picture: { language: "de", size: "large" },
  },
  { name: "lists too old", stalenessMs: 9 * DAY_MS, hindrance: "LISTS_STALE", policy: { contact } },
  { name: "closed now", hindrance: "OUTSIDE_SCHEDULE", picture: { language: "de", size: "small" } },
  {
    name: "several reasons",
    policy: { contact },
    notice: refused(
      { code: "TRAINING_MISSING", training: laser, level: 2 },
      { code: "ASSURANCE_TOO_LOW" },
      { code: "OUTSIDE_SCHEDULE" },
    ),
    picture: { language: "en", size: "small" },
  },
  {
    name: "open to everyone",
    policy: { mode: { kind: "unrestrictedUntil", until: NOW + 7_200_000, reason: "open day" } },
    picture: { language: "en", size: "large" },
  },
  {
    name: "watch only, bypass in use",
    policy: {
      mode: { kind: "warnOnly", until: NOW + 9 * DAY_MS, reason: "first week" },
      wiring: { inputs: { bypassKey: { pin: 17 } } },
    },
    moments: [[0, { kind: "inputChanged", input: "bypassKey", active: true, session: new Uint8Array(8) }]],
    picture: { language: "de", size: "small" },
  },
  { name: "not started", policy: { contact }, notice: { kind: "interrupted" } },
  {
    name: "finished",
    notice: { kind: "finished", durationMs: 4_020_000 },
    picture: { language: "en", size: "middle" },
  },
];

/** What the screen shows of a scene whose last moment is `nowMs` of its clock. */
export function viewOf(scene: Scene, messages: Messages, nowMs: number): ScreenView {
  const policy = machinePolicySchema.parse({ name: "Laser cutter", ...scene.policy });
  const moments = scene.moments ?? [];
  const startMs = nowMs - (moments.at(-1)?.[0] ?? 0);
  let state: InterlockState = step(STARTING, { kind: "started", atMs: startMs, faults: [] }, policy).state;
  for (const [atMs, what] of moments) state = step(state, eventOf(startMs + atMs, what), policy).state;
  return screenFor(state, {
    messages,
    policy,
    timeZone: "UTC",
    now: NOW,
    nowMs,
    clock: scene.clock ?? "synced",
    stalenessMs: scene.stalenessMs ?? 0,
    hindrance: scene.hindrance,
    notice: scene.notice,
    isReading: scene.isReading ?? false,
  });
}

function eventOf(atMs: number, what: Told | string): InterlockEvent {
  if (typeof what !== "string") return { ...what, atMs };
  const bytes = new Uint8Array(8).fill(what.charCodeAt(0));
  const candidate = {
    session: bytes,
    needsSupervision: what === "t",
    maySupervise: what === "T",
    isSteward: false,
    waived: [],
    holder: { key: what, issuer: bytes.slice(0, 4), statusIndex: 1, badge: bytes, grants: [], assurance: 2 as const },
  };
  return { kind: "tapAccepted", atMs, candidate, cardPresent: true };
}
