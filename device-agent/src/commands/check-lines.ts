import { findGpioBase } from "../hardware/gpio-base.js";
import { DriverMissingError, type LinesConfig, type Pin } from "../hardware/line.js";
import { linesOf, type RelayConfig } from "../hardware/lines-of.js";
import type { InputName, Wiring } from "../ports.js";
import { BENCH } from "./check-reader.js";
import type { DoctorProbes } from "./doctor-probes.js";
import { type Finding, failed, ok, warning } from "./finding.js";

const SYSFS = "/sys/class/gpio";

/** What each contact is called, and what its two states mean. */
const CONTACTS: Readonly<Record<InputName, readonly [word: string, active: string, inactive: string]>> = {
  busy: ["busy contact", "the machine runs", "the machine stands still"],
  feedback: ["relay feedback", "closed", "open"],
  emergencyStop: ["emergency stop", "pressed", "not pressed"],
  endButton: ["end button", "pressed", "not pressed"],
  startButton: ["start button", "pressed", "not pressed"],
  problemButton: ["problem button", "pressed", "not pressed"],
  bypassKey: ["bypass key", "turned: the machine runs without a badge", "not turned"],
  tamper: ["tamper contact", "tampered with", "untouched"],
  extraction: ["extraction contact", "running", "missing"],
};

type LinesProbes = Pick<DoctorProbes, "openDriver" | "read" | "run">;

/**
 * Looks at the machine's pins without touching one: the agent may be running. `wiring` is the signed policy's, if
 * known.
 */
export async function checkLines(
  relay: RelayConfig,
  wiring: Wiring | undefined,
  probes: LinesProbes,
): Promise<readonly Finding[]> {
  if (relay.driver === "simulated") return [warning("relay", "simulated: nothing is switched", BENCH)];
  const verdict = linesOf(relay, wiring);
  if (!verdict.ok) {
    return [
      failed("relay", verdict.problem, "correct the machine's wiring in the console, or `relay` in the configuration"),
    ];
  }
  const { lines } = verdict;
  let driver: string;
  try {
    driver = (await probes.openDriver(lines.driver)).name;
  } catch (error) {
    if (error instanceof DriverMissingError) return [failed("relay", error.message, error.hint)];
    return [failed("relay", (error as Error).message, `see which chips there are: grep . ${SYSFS}/gpiochip*/label`)];
  }
  if (!lines.outputs.relay) {
    return [
      warning(
        "relay",
        `driver ${driver}; which pin comes with the machine's policy`,
        "wait for the lists, or name `pin` under `relay`",
      ),
    ];
  }
  const levels = await levelsOf(lines, probes);
  return [...outputs(lines, driver, levels), ...contacts(lines, levels), ...feedback(lines, levels)];
}

/** Whether each pin is high; those that nobody can see from outside are absent. */
type Levels = ReadonlyMap<number, boolean>;

function outputs({ outputs: pins }: LinesConfig, driver: string, levels: Levels): readonly Finding[] {
  return Object.entries(pins).map(([name, pin]) => {
    const active = isActive(pin, levels);
    const words = name === "relay" ? ["closed", "open"] : ["on", "off"];
    const now = active === undefined ? "" : `, now ${(active ? words[0] : words[1]) ?? ""}`;
    return ok(`output ${name}`, `${pinWords(pin)}, by ${driver}${now}`);
  });
}

function contacts({ inputs }: LinesConfig, levels: Levels): readonly Finding[] {
  return (Object.entries(inputs) as [InputName, Pin][]).map(([name, pin]) => {
    const [word, active, inactive] = CONTACTS[name];
    const state = isActive(pin, levels);
    if (state === undefined) {
      const detail = `${pinWords(pin)}: how it stands cannot be seen from outside`;
      return warning(word, detail, "sudo apt-get install -y raspi-utils   (for the program pinctrl)");
    }
    const detail = `${pinWords(pin)}: ${state ? active : inactive}`;
    const blocks = "nothing can start: look at the contact, its cable and `activeLow` in the wiring";
    if (state && (name === "emergencyStop" || name === "tamper")) return warning(word, detail, blocks);
    if (state && name === "bypassKey") return warning(word, detail, "turn the key back");
    return ok(word, detail);
  });
}

/** What the contact says must be what the relay's pin says (SAFETY R4). */
function feedback({ outputs: { relay }, inputs }: LinesConfig, levels: Levels): readonly Finding[] {
  const read = inputs.feedback && isActive(inputs.feedback, levels);
  const commanded = relay && isActive(relay, levels);
  if (read === undefined || commanded === undefined || read === commanded) return [];
  return read
    ? [
        failed(
          "relay",
          "is read closed although it is commanded open",
          "replace the relay, or correct the feedback's `activeLow` in the wiring",
        ),
      ]
    : [
        warning(
          "relay",
          "is read open although it is commanded closed",
          "look at the relay's supply and the feedback's cable",
        ),
      ];
}

function isActive({ pin, activeLow }: Pin, levels: Levels): boolean | undefined {
  const high = levels.get(pin);
  return high === undefined ? undefined : high !== activeLow;
}

function pinWords({ pin, activeLow }: Pin): string {
  return `GPIO ${String(pin)}, active ${activeLow ? "low" : "high"}`;
}

/**
 * By pinctrl, which reads the chip's registers and asks nobody; else what sysfs shows of pins that are exported there.
 */
async function levelsOf({ outputs: out, inputs, driver }: LinesConfig, probes: LinesProbes): Promise<Levels> {
  const pins = [...Object.values(out), ...Object.values(inputs)].map(({ pin }) => pin);
  const told = await probes.run("pinctrl", ["get", pins.join(",")]);
  const levels = new Map<number, boolean>();
  for (const [, pin, level] of (told ?? "").matchAll(/^\s*(\d+):.*\|\s*(hi|lo)\b/gm))
    levels.set(Number(pin), level === "hi");
  if (levels.size > 0 || driver.name === "simulated") return levels;
  const base = driver.base ?? baseOf(driver.chipLabel);
  for (const pin of base === undefined ? [] : pins) {
    const folder = `${SYSFS}/gpio${String((base ?? 0) + pin)}`;
    const value = (await probes.read(`${folder}/value`))?.trim();
    if (value !== "0" && value !== "1") continue;
    const isTurned = (await probes.read(`${folder}/active_low`))?.trim() === "1";
    levels.set(pin, (value === "1") !== isTurned);
  }
  return levels;
}

function baseOf(chipLabel: string | undefined): number | undefined {
  try {
    return findGpioBase({ root: SYSFS, chipLabel });
  } catch {
    // No sysfs: there is another driver, and its pins show nothing from outside.
    return undefined;
  }
}
