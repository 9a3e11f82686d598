import { type MachinePolicy, machinePolicySchema } from "@badgekey/shared";
import type { InputName } from "../interlock-event.js";

/** What distinguishes policies to the interlock; each list holds every value that it knows. */
const FACTORS = {
  presence: ["tap", "hold"],
  wiring: ["hold", "pulse"],
  startButton: ["no", "yes"],
  handover: ["refuse", "confirm", "free"],
  supervision: ["none", "allowed", "required"],
  whenTrainerLeaves: ["warn", "finishThenLock"],
  busy: ["no", "yes"],
  /** One at a time: each doubles what can be reached. Extraction comes with its feedback demanded. */
  sensor: ["none", "feedback", "emergencyStop", "tamper", "extraction"],
  runOn: ["no", "yes"],
  whenRevoked: ["finishThenLock", "grace", "controlledStop", "cutNow"],
  mode: ["enforce", "warnOnly", "unrestrictedUntil"],
  lockAgain: ["no", "yes"],
  mayRelease: ["yes", "no"],
  maximum: ["yes", "no"],
  extend: ["yes", "no"],
  trainees: ["one", "two"],
} as const;
type Factor = keyof typeof FACTORS;
type Choice = { readonly [F in Factor]: (typeof FACTORS)[F][number] };

export interface GridPolicy {
  /** Every factor's value, for people. */
  readonly title: string;
  readonly policy: MachinePolicy;
}

const names = Object.keys(FACTORS) as Factor[];

/**
 * Policies such that every two values of two factors occur together in at least one of them; always the same ones, in
 * the same order.
 */
export function policyGrid(): readonly GridPolicy[] {
  const open = new Set(allPairs());
  const chosen: Choice[] = [];
  while (open.size > 0) {
    const choice = nextChoice(open);
    chosen.push(choice);
    for (const pair of pairsOf(choice)) open.delete(pair);
  }
  return chosen.map((choice) => ({ title: titleOf(choice), policy: policyFrom(choice) }));
}

/** Fixes one factor after the other at the value that covers most pairs still open, beginning with a pair that is. */
function nextChoice(open: ReadonlySet<string>): Choice {
  const [first = ""] = open;
  const choice: Partial<Record<Factor, string>> = {};
  for (const part of first.split("&")) {
    const [factor, value] = part.split("=");
    choice[factor as Factor] = value as string;
  }
  for (const factor of names) {
    if (choice[factor] !== undefined) continue;
    const gain = (value: string): number =>
      names.filter((other) => choice[other] !== undefined && open.has(pairOf([factor, value], [other, choice[other]])))
        .length;
    choice[factor] = [...FACTORS[factor]].sort((a, b) => gain(b) - gain(a))[0] as string;
  }
  return choice as Choice;
}

function allPairs(): readonly string[] {
  return names.flatMap((one, index) =>
    names
      .slice(index + 1)
      .flatMap((other) =>
        FACTORS[one].flatMap((value) => FACTORS[other].map((second) => pairOf([one, value], [other, second]))),
      ),
  );
}

function pairsOf(choice: Choice): readonly string[] {
  return names.flatMap((one, index) =>
    names.slice(index + 1).map((other) => pairOf([one, choice[one]], [other, choice[other]])),
  );
}

function pairOf(one: readonly [Factor, string], other: readonly [Factor, string]): string {
  const [first, second] = names.indexOf(one[0]) < names.indexOf(other[0]) ? [one, other] : [other, one];
  return `${first.join("=")}&${second.join("=")}`;
}

function titleOf(choice: Choice): string {
  return names.map((factor) => `${factor}=${choice[factor]}`).join(" ");
}

/** Seconds apart from each other, so that every deadline can be the next one. */
function policyFrom(choice: Choice): MachinePolicy {
  const is = (factor: Factor): boolean => choice[factor] === "yes";
  const inputs: InputName[] = [
    "endButton",
    ...(is("startButton") || choice.mode === "unrestrictedUntil" ? (["startButton"] as const) : []),
    ...(is("busy") ? (["busy"] as const) : []),
    ...(choice.sensor === "none" ? [] : [choice.sensor]),
  ];
  return machinePolicySchema.parse({
    name: "Searched machine",
    requires: [[{ training: 1 }]],
    presence: choice.presence,
    session: {
      maxSeconds: is("maximum") ? 100 : 0,
      warnSeconds: 20,
      idleSeconds: 45,
      removalGraceMs: 3_000,
      extend: is("extend"),
      overrunSeconds: 200,
    },
    startButton: is("startButton"),
    supervision: {
      mode: choice.supervision,
      maxSeconds: 70,
      maxTrainees: choice.trainees === "two" ? 2 : 1,
      whenTrainerLeaves: choice.whenTrainerLeaves,
    },
    handover: choice.handover,
    whenRevoked: choice.whenRevoked,
    graceSeconds: 33,
    ...((is("runOn") || choice.sensor === "extraction") && {
      runOn: { seconds: 60, feedback: choice.sensor === "extraction" },
    }),
    mode: choice.mode === "enforce" ? { kind: "enforce" } : { kind: choice.mode, until: 1, reason: "search" },
    steward: { mayRelease: is("mayRelease"), lockAgain: is("lockAgain") },
    wiring: {
      output: choice.wiring,
      pulseSeconds: 12,
      inputs: Object.fromEntries(inputs.map((input, index) => [input, { pin: 16 + index }])),
    },
  });
}
