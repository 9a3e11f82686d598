import type { Instant } from "../verdict.js";
import type { MachinePolicy } from "./machine-policy.js";

/** One thing in a machine's policy that contradicts itself, or will not do what was meant. */
export interface PolicyProblem {
  /** Members joined by dots: "session.idleSeconds". */
  readonly path: string;
  /** For people: what is wrong and what to do. */
  readonly message: string;
  /** An error is not to be signed; a warning is to be read. */
  readonly severity: "error" | "warning";
}

type Wiring = MachinePolicy["wiring"];
interface WiredPin {
  readonly path: string;
  readonly pin: number;
  readonly activeLow: boolean;
}

const HOUR_MS = 3_600_000;
/** A badge bound to the card's UID: what a machine reads of a card today (SPEC 3.5). */
const HIGHEST_ASSURANCE = 2;
const LONGEST_OPEN_MS = 12 * HOUR_MS;
const LONGEST_WATCH_MS = 30 * 24 * HOUR_MS;

/**
 * What a policy that fits its schema still gets wrong (SAFETY). With `now`, also how far ahead its
 * mode may end.
 */
export function policyProblems(policy: MachinePolicy, now?: Instant): readonly PolicyProblem[] {
  return [
    ...assuranceProblems(policy),
    ...sessionProblems(policy),
    ...supervisionProblems(policy),
    ...extractionProblems(policy),
    ...wiringProblems(policy),
    ...stalenessProblems(policy),
    ...scheduleProblems(policy),
    ...when(
      policy.contact.includes("@"),
      warning(
        "contact",
        "an e-mail address stands on the screen and on the controller's disk: name a place or an office",
      ),
    ),
    ...(now === undefined ? [] : modeProblems(policy, now)),
  ];
}

/**
 * Why an output may not hang on this BCM pin; undefined where it may: only where the Pi itself pulls the line to
 * inactive at power-up, before any program runs (SAFETY R1).
 */
export function outputPinProblem(pin: number, activeLow: boolean): string | undefined {
  if (!Number.isInteger(pin) || pin < 0 || pin > 27) return `pin ${pin} is no BCM number of the header: 4 to 27 are`;
  if (activeLow) {
    const isPulledUp = pin >= 4 && pin <= 8;
    return isPulledUp ? undefined : `pin ${pin} is not pulled up at power-up: an active-low output needs GPIO 4 to 8`;
  }
  if (pin === 14 || pin === 15) return `pin ${pin} is the serial port, which speaks at power-up`;
  return pin >= 9 ? undefined : `pin ${pin} is not pulled down at power-up: an active-high output needs GPIO 9 to 27`;
}

function assuranceProblems({ minAssurance, genuineChip }: MachinePolicy): readonly PolicyProblem[] {
  return [
    ...when(
      minAssurance > HIGHEST_ASSURANCE,
      warning(
        "minAssurance",
        `no card read by this version reaches it, and everybody is refused: set 0 to ${HIGHEST_ASSURANCE}`,
      ),
    ),
    ...when(
      genuineChip,
      warning(
        "genuineChip",
        "no reader of this version can ask a chip for its origin, and everybody is refused: set false",
      ),
    ),
  ];
}

function sessionProblems({
  session,
  presence,
  wiring,
  whenRevoked,
  graceSeconds,
}: MachinePolicy): readonly PolicyProblem[] {
  const { maxSeconds, warnSeconds, idleSeconds, extend } = session;
  const isBusyWired = wiring.inputs.busy !== undefined;
  return [
    ...when(
      idleSeconds > 0 && !isBusyWired,
      warning("session.idleSeconds", "idle time ends nothing without a busy input: wire wiring.inputs.busy, or set 0"),
    ),
    ...when(
      maxSeconds === 0 && !(idleSeconds > 0 && isBusyWired),
      warning("session.maxSeconds", "nothing but a tap ends a use: set a maximum, or an idle time with a busy input"),
    ),
    ...when(
      maxSeconds === 0 && extend,
      warning("session.extend", "a use without a maximum cannot be extended: set extend to false"),
    ),
    ...when(
      maxSeconds > 0 && warnSeconds >= maxSeconds,
      warning("session.warnSeconds", "the warning is as long as the use: only its second half will warn"),
    ),
    ...when(
      extend && maxSeconds > 0 && warnSeconds === 0,
      warning("session.extend", "without a warning there is no time in which a tap extends: set warnSeconds"),
    ),
    ...when(
      presence === "hold" && wiring.output === "pulse",
      warning(
        "presence",
        "a card that stays in ends the use, but a start permission has long opened by then: use wiring.output hold",
      ),
    ),
    ...when(
      whenRevoked === "controlledStop" && !wiring.stop,
      error("whenRevoked", "a controlled stop needs the output wiring.stop"),
    ),
    ...when(
      (whenRevoked === "grace" || whenRevoked === "controlledStop") && graceSeconds === 0,
      warning("graceSeconds", "no grace: a withdrawn badge cuts the machine at once"),
    ),
  ];
}

function supervisionProblems({ supervision, requires, session }: MachinePolicy): readonly PolicyProblem[] {
  if (supervision.mode === "none") return [];
  return [
    ...when(
      requires.length === 0,
      error("supervision.mode", "nobody is a trainer where no training is required: name one in requires"),
    ),
    ...when(
      supervision.maxSeconds === 0,
      warning("supervision.maxSeconds", "a trainer's presence never runs out: set how long he answers for a trainee"),
    ),
    ...when(
      supervision.maxSeconds > 0 &&
        session.maxSeconds > 0 &&
        supervision.maxSeconds > session.maxSeconds &&
        !session.extend,
      warning("supervision.maxSeconds", "supervision lasts longer than a use can"),
    ),
  ];
}

function extractionProblems({ runOn, wiring }: MachinePolicy): readonly PolicyProblem[] {
  return [
    ...when(
      runOn?.feedback === true && !wiring.inputs.extraction,
      error(
        "runOn.feedback",
        "the extraction's feedback is demanded but not wired: nothing could ever start; wire wiring.inputs.extraction",
      ),
    ),
    ...when(runOn !== undefined && !wiring.runOn, warning("runOn", "no output is wired for it: wire wiring.runOn")),
    ...when(
      runOn === undefined && wiring.runOn !== undefined,
      warning("wiring.runOn", "wired, but the policy asks for no extraction: set runOn"),
    ),
  ];
}

function wiringProblems({ wiring, startButton }: MachinePolicy): readonly PolicyProblem[] {
  const outputs = outputsOf(wiring);
  const all = [...outputs, ...pinsOf("wiring.lamps", wiring.lamps), ...pinsOf("wiring.inputs", wiring.inputs)];
  return [
    ...when(
      startButton && !wiring.inputs.startButton,
      error(
        "startButton",
        "a start button is demanded but not wired: nothing could ever start; wire wiring.inputs.startButton",
      ),
    ),
    ...outputs.flatMap(({ path, pin, activeLow }) => {
      const problem = outputPinProblem(pin, activeLow);
      return problem === undefined ? [] : [error(path, problem)];
    }),
    ...all.flatMap(({ path, pin }, index) => {
      const first = all.slice(0, index).find((other) => other.pin === pin);
      return first ? [error(path, `pin ${pin} is used twice: ${first.path} has it, too`)] : [];
    }),
  ];
}

/** What fails inactive (SAFETY R1); lamps may shine at power-up. */
function outputsOf({ relay, runOn, stop, alive }: Wiring): readonly WiredPin[] {
  return pinsOf("wiring", { relay, runOn, stop, alive });
}

function pinsOf(
  path: string,
  lines: Readonly<Record<string, { pin: number; activeLow: boolean } | undefined>>,
): readonly WiredPin[] {
  return Object.entries(lines).flatMap(([name, line]) => (line ? [{ path: `${path}.${name}`, ...line }] : []));
}

function stalenessProblems({ staleness }: MachinePolicy): readonly PolicyProblem[] {
  const { warnAfterSeconds, refuseAfterSeconds } = staleness;
  return when(
    warnAfterSeconds > refuseAfterSeconds,
    warning("staleness.warnAfterSeconds", "the machine refuses before it warns"),
  );
}

function scheduleProblems({ schedule }: MachinePolicy): readonly PolicyProblem[] {
  return schedule.flatMap(({ from, to }, index) =>
    when(
      from === to,
      warning(`schedule.${index}`, "begins and ends at the same time: it is open for 24 hours from then"),
    ),
  );
}

function modeProblems({ mode }: MachinePolicy, now: Instant): readonly PolicyProblem[] {
  if (mode.kind === "enforce") return [];
  const unexplained = when(
    mode.reason.trim() === "",
    error("mode.reason", "say why, for those who find the machine like this: a few words"),
  );
  switch (mode.kind) {
    case "warnOnly":
      return [
        ...unexplained,
        ...when(mode.until <= now, warning("mode.until", "is past: the machine enforces")),
        ...when(mode.until > now + LONGEST_WATCH_MS, error("mode.until", "watch only ends at most 30 days ahead")),
      ];
    case "unrestrictedUntil":
      return [
        ...unexplained,
        ...when(mode.until <= now, warning("mode.until", "is past: the machine enforces")),
        ...when(
          mode.until > now + LONGEST_OPEN_MS,
          error("mode.until", "open to everyone ends at most 12 hours ahead"),
        ),
      ];
  }
}

function when(holds: boolean, problem: PolicyProblem): readonly PolicyProblem[] {
  return holds ? [problem] : [];
}

function error(path: string, message: string): PolicyProblem {
  return { path, message, severity: "error" };
}

function warning(path: string, message: string): PolicyProblem {
  return { path, message, severity: "warning" };
}
