import { expect, test } from "vitest";
import { type MachinePolicyInput, machinePolicySchema, presets } from "./machine-policy.js";
import { outputPinProblem, policyProblems } from "./policy-problems.js";

const NOW = 1_767_225_600_000;
const HOUR = 3_600_000;
const requires: MachinePolicyInput["requires"] = [[{ training: 1 }]];

function problemsOf(input: Partial<MachinePolicyInput>, now?: number): readonly string[] {
  const policy = machinePolicySchema.parse({ name: "M", ...input });
  return policyProblems(policy, now).map(({ severity, path }) => `${severity} ${path}`);
}

test.each<[string, Partial<MachinePolicyInput>, readonly string[]]>([
  ["the defaults", {}, []],
  ["an office to ask", { contact: "staff desk, room 3.14" }, []],
  ["R22: an e-mail address to ask", { contact: "ask ada@example.edu" }, ["warning contact"]],
  ["as much as a card can prove", { minAssurance: 2 }, []],
  ["more than a card can prove", { minAssurance: 3 }, ["warning minAssurance"]],
  ["a chip asked for its origin", { genuineChip: true }, ["warning genuineChip"]],
  ["idle without a busy input", { session: { idleSeconds: 60 } }, ["warning session.idleSeconds"]],
  ["idle with a busy input", { session: { idleSeconds: 60 }, wiring: { inputs: { busy: { pin: 16 } } } }, []],
  ["no end at all", { session: { maxSeconds: 0, extend: false } }, ["warning session.maxSeconds"]],
  [
    "a long job: no maximum, idle by the busy input",
    { session: { maxSeconds: 0, extend: false, idleSeconds: 60 }, wiring: { inputs: { busy: { pin: 16 } } } },
    [],
  ],
  [
    "a busy input without an idle time ends nothing either",
    { session: { maxSeconds: 0, extend: false }, wiring: { inputs: { busy: { pin: 16 } } } },
    ["warning session.maxSeconds"],
  ],
  [
    "extended without a maximum",
    { session: { maxSeconds: 0 } },
    ["warning session.maxSeconds", "warning session.extend"],
  ],
  ["a warning as long as the use", { session: { maxSeconds: 300 } }, ["warning session.warnSeconds"]],
  ["a warning just shorter", { session: { maxSeconds: 301 } }, []],
  ["extended without a warning", { session: { warnSeconds: 0 } }, ["warning session.extend"]],
  ["no warning, no extension", { session: { warnSeconds: 0, extend: false } }, []],
  [
    "a card that stays in at a start permission",
    { presence: "hold", wiring: { output: "pulse" } },
    ["warning presence"],
  ],
  ["a card that stays in", { presence: "hold" }, []],
  ["a controlled stop without its output", { whenRevoked: "controlledStop" }, ["error whenRevoked"]],
  ["a controlled stop", { whenRevoked: "controlledStop", wiring: { stop: { pin: 17 } } }, []],
  ["no grace", { whenRevoked: "grace", graceSeconds: 0 }, ["warning graceSeconds"]],
  [
    "a controlled stop without grace",
    { whenRevoked: "controlledStop", graceSeconds: 0, wiring: { stop: { pin: 17 } } },
    ["warning graceSeconds"],
  ],
  ["no grace where none is given", { graceSeconds: 0 }, []],
  ["supervision without a training", { supervision: { mode: "required" } }, ["error supervision.mode"]],
  [
    "supervision without end",
    { requires, supervision: { mode: "allowed", maxSeconds: 0 } },
    ["warning supervision.maxSeconds"],
  ],
  [
    "supervision longer than a use",
    { requires, session: { maxSeconds: 600, extend: false }, supervision: { mode: "allowed", maxSeconds: 601 } },
    ["warning supervision.maxSeconds"],
  ],
  [
    "supervision as long as a use",
    { requires, session: { maxSeconds: 600, extend: false }, supervision: { mode: "allowed", maxSeconds: 600 } },
    [],
  ],
  [
    "supervision longer than a use that can be extended",
    { requires, session: { maxSeconds: 600 }, supervision: { mode: "allowed" } },
    [],
  ],
  [
    "feedback of an extraction that is not wired",
    { runOn: { seconds: 1, feedback: true }, wiring: { runOn: { pin: 17 } } },
    ["error runOn.feedback"],
  ],
  [
    "feedback of a wired extraction",
    { runOn: { seconds: 1, feedback: true }, wiring: { runOn: { pin: 17 }, inputs: { extraction: { pin: 18 } } } },
    [],
  ],
  ["an extraction without output", { runOn: { seconds: 1 } }, ["warning runOn"]],
  ["an output without extraction", { wiring: { runOn: { pin: 17 } } }, ["warning wiring.runOn"]],
  ["a start button that is not wired", { startButton: true }, ["error startButton"]],
  ["a start button", { startButton: true, wiring: { inputs: { startButton: { pin: 20 } } } }, []],
  ["R1: a relay on a pin that floats high", { wiring: { relay: { pin: 4 } } }, ["error wiring.relay"]],
  ["R1: an active-low relay", { wiring: { relay: { pin: 4, activeLow: true } } }, []],
  ["R1: an alive output on the serial port", { wiring: { alive: { pin: 14 } } }, ["error wiring.alive"]],
  ["inputs and lamps may be anywhere", { wiring: { lamps: { red: { pin: 2 } }, inputs: { busy: { pin: 3 } } } }, []],
  [
    "one pin three times",
    { wiring: { relay: { pin: 17 }, lamps: { red: { pin: 17 } }, inputs: { busy: { pin: 17 } } } },
    ["error wiring.lamps.red", "error wiring.inputs.busy"],
  ],
  ["refused before it warns", { staleness: { warnAfterSeconds: 8 * 86_400 } }, ["warning staleness.warnAfterSeconds"]],
  ["warned as it refuses", { staleness: { warnAfterSeconds: 7 * 86_400 } }, []],
  [
    "hours that begin as they end",
    {
      schedule: [
        { days: [1], from: "08:00", to: "09:00" },
        { days: [1], from: "08:00", to: "08:00" },
      ],
    },
    ["warning schedule.1"],
  ],
])("%s", (_title, input, problems) => {
  expect(problemsOf(input)).toEqual(problems);
});

test.each<[string, MachinePolicyInput["mode"], readonly string[]]>([
  ["enforce", { kind: "enforce" }, []],
  ["watch only, past", { kind: "warnOnly", until: NOW, reason: "x" }, ["warning mode.until"]],
  ["watch only for 30 days", { kind: "warnOnly", until: NOW + 720 * HOUR, reason: "x" }, []],
  ["watch only for longer", { kind: "warnOnly", until: NOW + 720 * HOUR + 1, reason: "x" }, ["error mode.until"]],
  ["watch only without a word why", { kind: "warnOnly", until: NOW + HOUR, reason: " " }, ["error mode.reason"]],
  ["open without a word why", { kind: "unrestrictedUntil", until: NOW + HOUR, reason: "" }, ["error mode.reason"]],
  ["open, past", { kind: "unrestrictedUntil", until: NOW, reason: "x" }, ["warning mode.until"]],
  ["open for 12 hours", { kind: "unrestrictedUntil", until: NOW + 12 * HOUR, reason: "x" }, []],
  ["open for longer", { kind: "unrestrictedUntil", until: NOW + 12 * HOUR + 1, reason: "x" }, ["error mode.until"]],
])("mode: %s", (_title, mode, problems) => {
  expect(problemsOf({ mode }, NOW)).toEqual(problems);
  expect(problemsOf({ mode })).toEqual([]);
});

test.each([
  [9, false, true],
  [27, false, true],
  [13, false, true],
  [16, false, true],
  [8, false, false],
  [14, false, false],
  [15, false, false],
  [28, false, false],
  [-1, false, false],
  [9.5, false, false],
  [4, true, true],
  [8, true, true],
  [3, true, false],
  [9, true, false],
])("R1: pin %d, active low %s: allowed %s", (pin, activeLow, isAllowed) => {
  expect(outputPinProblem(pin, activeLow) === undefined).toBe(isAllowed);
});

test("messages say what is wrong and what to do", () => {
  const policy = machinePolicySchema.parse({
    name: "M",
    startButton: true,
    wiring: { relay: { pin: 17 }, stop: { pin: 17 } },
  });
  expect(policyProblems(policy).map(({ message }) => message)).toEqual([
    "a start button is demanded but not wired: nothing could ever start; wire wiring.inputs.startButton",
    "pin 17 is used twice: wiring.relay has it, too",
  ]);
  expect(outputPinProblem(2, false)).toMatch(/pulled down/);
  expect(outputPinProblem(2, true)).toMatch(/pulled up/);
  expect(outputPinProblem(14, false)).toMatch(/serial/);
  expect(outputPinProblem(99, false)).toMatch(/BCM/);
});

test.each(Object.entries(presets))("preset %s contradicts itself nowhere", (_name, preset) => {
  const policy = machinePolicySchema.parse({ name: "M", requires, ...preset });
  expect(policyProblems(policy).filter(({ severity }) => severity === "error")).toEqual([]);
});

test("presets ask for what their machines need", () => {
  const of = (name: keyof typeof presets) => machinePolicySchema.parse({ name: "M", requires, ...presets[name] });
  // A long job: the supply is never cut, it ends by itself once the machine rests, and lists may be old.
  expect(of("3d-printer")).toMatchObject({
    session: { maxSeconds: 0, idleSeconds: 900, extend: false },
    wiring: { output: "pulse" },
    staleness: { refuseAfterSeconds: 21 * 86_400 },
  });
  expect(of("laser")).toMatchObject({ untrustedClock: "refuse", minAssurance: 2 });
  expect(of("saw")).toMatchObject({ presence: "hold", session: { removalGraceMs: 1500 } });
  expect(of("cabinet").wiring).toMatchObject({ output: "pulse", pulseSeconds: 10 });
});
