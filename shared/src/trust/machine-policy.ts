import { z } from "zod";

/**
 * What a machine's signed policy can ask for, with every default. On the wire it is a CBOR map with
 * these texts as keys (SPEC 4.6). Unknown members make the machine's entry unreadable: a restriction must not be lost
 * because a program is too old to know it.
 */
const seconds = (most: number) => z.int().min(0).max(most);
const DAY = 86_400;

const requirement = z.strictObject({
  training: z.int().min(0).max(65_535),
  level: z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4)]).default(2),
});

const scheduleWindow = z.strictObject({
  /** ISO weekdays, 1 = Monday. */
  days: z.array(z.int().min(1).max(7)).min(1).max(7),
  from: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "use HH:MM"),
  to: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, "use HH:MM"),
});

const input = z.strictObject({
  pin: z.int().min(0).max(27),
  activeLow: z.boolean().default(false),
});

/** Which driver moves the pins is the controller's own affair (its configuration says so). */
const output = z.strictObject({
  pin: z.int().min(0).max(27),
  activeLow: z.boolean().default(false),
});

export const machinePolicySchema = z.strictObject({
  name: z.string().min(1).max(64),
  preset: z.string().max(32).optional(),
  /** Alternatives; each is a list of grants that must all be held. Empty: no training needed. */
  requires: z.array(z.array(requirement).min(1).max(16)).max(16).default([]),
  minAssurance: z.int().min(0).max(4).default(1),
  genuineChip: z.boolean().default(false),
  presence: z.enum(["tap", "hold"]).default("tap"),
  session: z
    .strictObject({
      /** 0: no maximum. */
      maxSeconds: seconds(7 * DAY).default(4 * 3600),
      warnSeconds: seconds(3600).default(300),
      /** 0: idle never ends a session. */
      idleSeconds: seconds(7 * DAY).default(0),
      removalGraceMs: z.int().min(0).max(60_000).default(1500),
      extend: z.boolean().default(true),
      /** How long after `maxSeconds` a machine that is still busy is cut, at the latest (SAFETY R10). */
      overrunSeconds: seconds(4 * 3600).default(4 * 3600),
    })
    .prefault({}),
  startButton: z.boolean().default(false),
  supervision: z
    .strictObject({
      mode: z.enum(["none", "allowed", "required"]).default("none"),
      maxSeconds: seconds(DAY).default(3600),
      maxTrainees: z.int().min(1).max(16).default(1),
      whenTrainerLeaves: z.enum(["warn", "finishThenLock"]).default("finishThenLock"),
    })
    .prefault({}),
  handover: z.enum(["refuse", "confirm", "free"]).default("confirm"),
  whenRevoked: z.enum(["finishThenLock", "grace", "controlledStop", "cutNow"]).default("finishThenLock"),
  graceSeconds: seconds(3600).default(300),
  staleness: z
    .strictObject({
      warnAfterSeconds: seconds(90 * DAY).default(DAY),
      refuseAfterSeconds: seconds(90 * DAY).default(7 * DAY),
    })
    .prefault({}),
  untrustedClock: z.enum(["allow", "refuse"]).default("allow"),
  schedule: z.array(scheduleWindow).max(32).default([]),
  runOn: z.strictObject({ seconds: seconds(3600), feedback: z.boolean().default(false) }).optional(),
  mode: z
    .discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("enforce") }),
      z.strictObject({ kind: z.literal("warnOnly"), until: z.int().min(0), reason: z.string().max(200) }),
      z.strictObject({ kind: z.literal("unrestrictedUntil"), until: z.int().min(0), reason: z.string().max(200) }),
    ])
    .default({ kind: "enforce" }),
  safetyRelevant: z.boolean().default(true),
  /**
   * The problem button and the screen's: what can be reported, and whether a report takes the machine out of service.
   */
  problem: z
    .strictObject({
      reasons: z.array(z.string().min(1).max(80)).max(8).default([]),
      outOfService: z.boolean().default(false),
    })
    .prefault({}),
  /** What a steward's card does at a machine that is out of service. */
  steward: z
    .strictObject({
      mayRelease: z.boolean().default(true),
      /** He works at it alone, and it is out of service again once his use ends. */
      lockAgain: z.boolean().default(false),
    })
    .prefault({}),
  contact: z.string().max(128).default(""),
  url: z.string().max(256).default(""),
  wiring: z
    .strictObject({
      output: z.enum(["hold", "pulse"]).default("hold"),
      pulseSeconds: z.int().min(1).max(60).default(15),
      relay: output.optional(),
      /** Extraction, coolant: on during a use and `runOn.seconds` beyond. */
      runOn: output.optional(),
      /** Asks the machine for a controlled stop. */
      stop: output.optional(),
      /** Pulses as long as the relay is permitted, for boards with a retriggerable timer (SAFETY R2). */
      alive: output.optional(),
      lamps: z
        .strictObject({
          green: output.optional(),
          yellow: output.optional(),
          red: output.optional(),
          buzzer: output.optional(),
        })
        .prefault({}),
      inputs: z
        .strictObject({
          busy: input.optional(),
          feedback: input.optional(),
          emergencyStop: input.optional(),
          endButton: input.optional(),
          startButton: input.optional(),
          problemButton: input.optional(),
          bypassKey: input.optional(),
          tamper: input.optional(),
          extraction: input.optional(),
        })
        .prefault({}),
      reader: z.string().max(128).optional(),
    })
    .prefault({}),
});

export type MachinePolicy = z.output<typeof machinePolicySchema>;
export type MachinePolicyInput = z.input<typeof machinePolicySchema>;

const defaults = machinePolicySchema.parse({ name: "-" });

/**
 * A policy as it is written (SPEC 4.6): members that came after version 1 of the format are left out where they say
 * what their absence says, so that an older agent can read all machines but those that use them.
 */
export function writtenPolicy(policy: MachinePolicy): Readonly<Record<string, unknown>> {
  const { problem, steward, session, wiring, ...rest } = policy;
  const { overrunSeconds, ...firstSession } = session;
  const { lamps, ...firstWiring } = wiring;
  return {
    ...rest,
    session: overrunSeconds === defaults.session.overrunSeconds ? firstSession : session,
    wiring: Object.keys(lamps).length === 0 ? firstWiring : wiring,
    ...(JSON.stringify(problem) !== JSON.stringify(defaults.problem) && { problem }),
    ...(JSON.stringify(steward) !== JSON.stringify(defaults.steward) && { steward }),
  };
}

/**
 * Presets a new machine starts from; each is a partial policy over the defaults. Pins are the
 * place's own.
 */
export const presets = {
  /** A long job: a start permission only, never the supply; it is over once the busy input was idle for 15 minutes. */
  "3d-printer": {
    session: { maxSeconds: 0, idleSeconds: 900, extend: false },
    staleness: { warnAfterSeconds: 7 * DAY, refuseAfterSeconds: 21 * DAY },
    problem: { reasons: ["Print failed", "Nozzle blocked", "Out of filament"] },
    wiring: { output: "pulse" },
    safetyRelevant: false,
  },
  laser: {
    minAssurance: 2,
    session: { maxSeconds: 7200, warnSeconds: 300, extend: true },
    untrustedClock: "refuse",
    runOn: { seconds: 120 },
    problem: { reasons: ["Cuts badly", "Extraction weak", "Lens or mirror dirty"] },
  },
  /** Saw or lathe: the card stays in. */
  saw: {
    minAssurance: 2,
    presence: "hold",
    session: { maxSeconds: 4 * 3600, removalGraceMs: 1500, extend: true },
    handover: "refuse",
    problem: { reasons: ["Blade or tool blunt", "Guard damaged", "Unusual noise"], outOfService: true },
  },
  "bench-tool": {
    session: { maxSeconds: 2 * 3600 },
    safetyRelevant: false,
    handover: "free",
    problem: { reasons: ["Damaged", "Part missing"] },
  },
  cabinet: {
    session: { maxSeconds: 60, warnSeconds: 0, extend: false },
    wiring: { output: "pulse", pulseSeconds: 10 },
    handover: "free",
    problem: { reasons: ["Something is missing", "Lock jams"] },
    safetyRelevant: false,
  },
} as const satisfies Record<string, Partial<MachinePolicyInput>>;
export type PresetName = keyof typeof presets;
