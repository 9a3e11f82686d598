import { z } from "zod";
import { type PresetName, machinePolicySchema, presets } from "./machine-policy.js";

/** One setting of a machine's policy, for people. */
export interface PolicySetting {
  /** Members joined by dots, as they are set: "session.maxSeconds". */
  readonly path: string;
  /** What holds where nothing is said; absent where the setting is then not there at all. */
  readonly default?: unknown;
  /** What it can be, e.g. "0 to 604800" or "tap | hold". */
  readonly values: string;
  readonly what: string;
}

/** What each setting does, in the words of the screens and guides. */
const WHAT: Readonly<Record<string, string>> = {
  name: "what the machine's screen and the log call it",
  preset: "the preset it began with",
  requires: 'trainings, alternatives outside, all of them inside: [[{"training":1,"level":2}]]',
  minAssurance: "copy protection that a card needs: 0 none, 1 basic, 2 better, 3 strong, 4 strong with staff or PIN",
  genuineChip: "ask the chip to prove its origin",
  presence: "tap: a tap starts and ends a use; hold: the card stays in",
  "session.maxSeconds": "the longest use; 0: no limit",
  "session.warnSeconds": "warning before a use ends; with extend, a tap then extends it",
  "session.idleSeconds": "a machine at rest ends its use after this; needs a busy input; 0: never",
  "session.removalGraceMs": "how long a card that stays in may be away, in milliseconds",
  "session.extend": "a tap during the warning starts the time again",
  "session.overrunSeconds": "how long a busy machine may go on past its time before it is switched off",
  startButton: "after the tap the start button must be pressed",
  "supervision.mode": "trainees: none, allowed with a trainer's tap, or everybody works with a trainer's tap",
  "supervision.maxSeconds": "after this the trainer taps again",
  "supervision.maxTrainees": "how many trainees a trainer answers for, one after the other",
  "supervision.whenTrainerLeaves": "only warn, or end the use when the machine rests",
  handover: "if someone is still signed on: refuse the next one, ask for a second tap, or let them take over",
  whenRevoked: "a badge withdrawn during a use: finish first, a grace, ask the machine to stop, or off at once",
  graceSeconds: "the grace of whenRevoked",
  "staleness.warnAfterSeconds": "without contact for this long, the screen says so",
  "staleness.refuseAfterSeconds": "without contact for this long, nobody starts",
  untrustedClock: "while the machine controller's clock is not confirmed: go on, or refuse",
  schedule: 'opening hours, none: always: [{"days":[1,2,3,4,5],"from":"08:00","to":"20:00"}]',
  "runOn.seconds": "extraction goes on for so long after a use",
  "runOn.feedback": "extraction must report that it runs before anybody starts",
  mode: 'enforce, watch only or open to everyone: {"kind":"warnOnly","until":<milliseconds>,"reason":"…"}',
  safetyRelevant: "marks a machine whose records a safety office asks for",
  "problem.reasons": 'what can be reported at the machine: ["Blade blunt"]',
  "problem.outOfService": "a reported problem takes the machine out of service",
  "steward.mayRelease": "a steward's card puts the machine back into service",
  "steward.lockAgain": "a steward works at a machine that is out of service, and it stays so",
  contact: "whom to ask, on the screen: a place or an office",
  url: "the machine's page, as a code on screen and label",
  "wiring.output": "hold: enabled during the whole use; pulse: a start permission only",
  "wiring.pulseSeconds": "length of the start permission",
  "wiring.relay": "the output that enables the machine",
  "wiring.runOn": "the output for extraction or coolant",
  "wiring.stop": "the output that asks the machine to stop",
  "wiring.alive": "an output that beats while the machine is enabled",
  "wiring.lamps.green": "lamp: ready or enabled",
  "wiring.lamps.yellow": "lamp: reading, waiting or a warning",
  "wiring.lamps.red": "lamp: refused, out of service or needs attention",
  "wiring.lamps.buzzer": "buzzer",
  "wiring.inputs.busy": "contact: the machine runs",
  "wiring.inputs.feedback": "contact: the relay is closed",
  "wiring.inputs.emergencyStop": "contact: the emergency stop is pressed",
  "wiring.inputs.endButton": "button: end the use",
  "wiring.inputs.startButton": "button: start",
  "wiring.inputs.problemButton": "button: report a problem",
  "wiring.inputs.bypassKey": "contact: the bypass key is turned",
  "wiring.inputs.tamper": "contact: the housing is open",
  "wiring.inputs.extraction": "contact: the extraction runs",
  "wiring.reader": "part of the reader's name, where the controller's own file names none; from its next start",
};

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** Every setting of a machine's policy with its default, in the order of the schema; with a preset, as it begins. */
export function policySettings(preset?: PresetName): readonly PolicySetting[] {
  const schema = z.toJSONSchema(machinePolicySchema, { io: "input" });
  const begins = machinePolicySchema.parse({ name: "-", ...(preset && { ...presets[preset], preset }) });
  return leavesOf(schema, "").map(([path, leaf]) => {
    const value = path === "name" ? undefined : path.split(".").reduce<unknown>(memberOf, begins);
    return { path, ...(value !== undefined && { default: value }), values: valuesOf(leaf), what: WHAT[path] ?? "" };
  });
}

/** What is set as one: a line of the wiring is, a group of settings is not. */
function leavesOf(schema: JsonSchema, path: string): readonly (readonly [string, JsonSchema])[] {
  const { properties } = schema;
  if (!properties || "pin" in properties) return [[path, schema]];
  return Object.entries(properties).flatMap(([name, member]) =>
    leavesOf(member as JsonSchema, path === "" ? name : `${path}.${name}`),
  );
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function valuesOf(schema: JsonSchema): string {
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.oneOf) {
    const kinds = schema.oneOf.map((one) => (one.properties?.["kind"] as JsonSchema).const);
    return kinds.map(String).join(" | ");
  }
  switch (schema.type) {
    case "integer":
      return `${String(schema.minimum)} to ${String(schema.maximum)}`;
    case "boolean":
      return "true | false";
    case "string":
      return `text, at most ${String(schema.maxLength)}`;
    case "array":
      return `list, at most ${String(schema.maxItems)}`;
    default:
      return '{"pin": 0 to 27, "activeLow": true | false}';
  }
}
