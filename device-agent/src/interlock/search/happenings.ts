import type { FaultCode, MachinePolicy } from "@badgekey/shared";
import type { InputName, InterlockEvent } from "../interlock-event.js";
import { searchCandidate } from "./search-candidates.js";

type Bare<E = InterlockEvent> = E extends InterlockEvent ? Omit<E, "atMs"> : never;

/** What happens within a moment: events with the milliseconds that pass before each. */
export interface Happening {
  readonly title: string;
  readonly events: readonly (readonly [afterMs: number, event: Bare])[];
}

const lockout = { reason: "service", by: "staff-1", at: 0 };

/** Everything that can happen at a machine with this policy. */
export function happeningsAt(policy: MachinePolicy): readonly Happening[] {
  const { inputs } = policy.wiring;
  const people = peopleAt(policy);
  const [first] = people;
  const losable = (["busy", "feedback", "emergencyStop", "extraction"] as const).filter((input) => inputs[input]);
  return [
    one("time passes", { kind: "tick" }),
    ...people.map((key) => one(`${key} taps`, tap(key))),
    happening(`${first} taps twice within a bounce`, [0, tap(first)], [300, tap(first)]),
    one(`${first}'s refused card`, { kind: "tapRefused", key: first }),
    ...(policy.presence === "hold"
      ? [
          one(`${first}'s card is gone before it counts`, { ...tap(first), cardPresent: false }),
          one("the card leaves", { kind: "cardRemoved" }),
          one("the reader is lost", { kind: "readerLost" }),
          one("the reader is back", { kind: "readerBack" }),
        ]
      : []),
    ...(policy.mode.kind === "unrestrictedUntil" ? [one("anyone's card", openTap)] : []),
    ...(inputs.startButton ? [press("startButton")] : []),
    press("endButton"),
    ...(["busy", "emergencyStop", "tamper", "extraction"] as const).flatMap((input) =>
      inputs[input] ? contact(input) : [],
    ),
    ...losable.map((input) => one(`${input} is lost`, { kind: "inputLost", input })),
    ...(inputs.feedback
      ? [
          one("feedback reads open", changed("feedback", false)),
          happening(
            "feedback reads closed for a moment",
            [0, changed("feedback", true)],
            [100, { kind: "tick" }],
            [1, changed("feedback", false)],
          ),
          happening("feedback reads closed", [0, changed("feedback", true)], [300, { kind: "tick" }]),
        ]
      : []),
    one("out of service now", { kind: "outOfServiceSet", when: "now", lockout }),
    one("out of service when free", { kind: "outOfServiceSet", when: "whenFree", lockout }),
    one("released", { kind: "outOfServiceCleared", by: "staff-1" }),
    ...(losable.length > 0
      ? []
      : [
          one("a fault that waits", { kind: "faultRaised", fault: "READER_LOST", severity: "whenIdle" }),
          cleared("READER_LOST"),
        ]),
    happening(
      "a start is not logged, and the journal comes back",
      [0, { kind: "startNotLogged" }],
      [100, { kind: "faultCleared", fault: "JOURNAL_UNAVAILABLE" }],
    ),
    ...(["RELAY_STUCK", "TAMPER", "EMERGENCY_STOP"] as const).flatMap((fault) =>
      canOccur(fault, policy) ? [cleared(fault)] : [],
    ),
    one("the badge is withdrawn", { kind: "badgeStatusChanged", status: "withdrawn", code: "BADGE_REVOKED" }),
    one("the badge is good again", { kind: "badgeStatusChanged", status: "good" }),
    one("the policy changed", { kind: "policyChanged" }),
    one("staff end the use", { kind: "endOrdered", by: "staff-1", command: 1 }),
    one("the program stops", { kind: "stopped" }),
    one("the program has started", { kind: "started", faults: [] }),
  ];
}

/** Who matters under this policy: one who may work, a second one, and one with more to say. */
function peopleAt({ supervision, steward, mode }: MachinePolicy): readonly [string, string, string] {
  const isSupervised = supervision.mode !== "none";
  const other = mode.kind === "warnOnly" ? "w" : !isSupervised ? "b" : supervision.maxTrainees > 1 ? "u" : "a";
  return [isSupervised ? "t" : "a", other, isSupervised && !steward.lockAgain ? "T" : "S"];
}

function canOccur(fault: FaultCode, { wiring }: MachinePolicy): boolean {
  const { feedback, tamper, emergencyStop } = wiring.inputs;
  const cause = fault === "RELAY_STUCK" ? feedback : fault === "TAMPER" ? tamper : emergencyStop;
  return cause !== undefined;
}

const openTap: Bare = { kind: "openTap", session: new Uint8Array(8) };

function tap(key: string): Extract<Bare, { kind: "tapAccepted" }> {
  return { kind: "tapAccepted", candidate: searchCandidate(key), cardPresent: true };
}

function changed(input: InputName, active: boolean): Bare {
  return { kind: "inputChanged", input, active, session: new Uint8Array(8) };
}

function contact(input: InputName): readonly Happening[] {
  return [
    one(`${input} becomes active`, changed(input, true)),
    one(`${input} becomes inactive`, changed(input, false)),
  ];
}

function press(input: InputName): Happening {
  return happening(
    `${input} is pressed`,
    [0, changed(input, false)],
    [1, changed(input, true)],
    [50, changed(input, false)],
  );
}

function cleared(fault: FaultCode): Happening {
  return one(`${fault} is cleared`, { kind: "faultCleared", fault });
}

function one(title: string, event: Bare): Happening {
  return happening(title, [0, event]);
}

function happening(title: string, ...events: Happening["events"]): Happening {
  return { title, events };
}
