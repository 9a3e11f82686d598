import type { InputName, Wiring } from "../ports.js";
import { checkPin } from "./gpio-pins.js";
import { type DriverConfig, LAMPS, type LinesConfig, type OutputName, OUTPUTS, type Pin } from "./line.js";

/** The `relay` part of the agent's own configuration. */
export type RelayConfig =
  | {
      readonly driver: "auto" | "sysfs" | "chardev";
      /** Named here, it wins over the signed policy's. */
      readonly pin?: number | undefined;
      readonly activeLow?: boolean | undefined;
      readonly chipLabel?: string | undefined;
      readonly base?: number | undefined;
    }
  | { readonly driver: "simulated"; readonly socket?: string | undefined };

export type LinesVerdict =
  | { readonly ok: true; readonly lines: LinesConfig }
  /** A sentence for people; the machine must not be switched. */
  | { readonly ok: false; readonly problem: string };

/** A simulated relay hangs on no pin. */
const NO_PIN: Pin = { pin: -1, activeLow: false };

/** What each line is called in a sentence. */
const WORDS: Readonly<Record<OutputName | (typeof LAMPS)[number] | InputName, string>> = {
  relay: "the relay",
  runOn: "the run-on output",
  stop: "the stop output",
  alive: "the alive output",
  green: "the green lamp",
  yellow: "the yellow lamp",
  red: "the red lamp",
  buzzer: "the buzzer",
  busy: "the busy contact",
  feedback: "the relay's feedback",
  emergencyStop: "the emergency stop's contact",
  endButton: "the end button",
  startButton: "the start button",
  problemButton: "the problem button",
  bypassKey: "the bypass key",
  tamper: "the tamper contact",
  extraction: "the extraction's contact",
};

/**
 * The lines that the configuration and a machine's signed wiring ask for together; without a wiring, those of the
 * configuration alone. Refuses a pin that is used twice, one that SAFETY R1 forbids, and a wiring without any relay.
 */
export function linesOf(config: RelayConfig, wiring?: Wiring): LinesVerdict {
  const own = ownRelay(config);
  const relay = own ?? wiring?.relay ?? (config.driver === "simulated" ? NO_PIN : undefined);
  if (wiring && !relay) {
    return { ok: false, problem: "neither the configuration nor the machine's policy names the relay's pin" };
  }
  const lines: LinesConfig = {
    driver: driverOf(config),
    outputs: wired({ relay, runOn: wiring?.runOn, stop: wiring?.stop, alive: wiring?.alive }),
    lamps: wired(wiring?.lamps ?? {}),
    inputs: wired(wiring?.inputs ?? {}),
  };
  const problem = unsafePin(lines) ?? pinUsedTwice(lines);
  return problem === undefined ? { ok: true, lines } : { ok: false, problem };
}

function ownRelay(config: RelayConfig): Pin | undefined {
  if (config.driver === "simulated" || config.pin === undefined) return undefined;
  return { pin: config.pin, activeLow: config.activeLow ?? false };
}

function driverOf(config: RelayConfig): DriverConfig {
  if (config.driver === "simulated") {
    return { name: "simulated", ...(config.socket !== undefined && { socket: config.socket }) };
  }
  const { driver: name, chipLabel, base } = config;
  return { name, ...(chipLabel !== undefined && { chipLabel }), ...(base !== undefined && { base }) };
}

/** Without the names that stand for nothing. */
function wired<Name extends string>(pins: { readonly [name in Name]?: Pin | undefined }): { [name in Name]?: Pin } {
  const kept: { [name in Name]?: Pin } = {};
  for (const name of Object.keys(pins) as Name[]) {
    const pin = pins[name];
    if (pin) kept[name] = { pin: pin.pin, activeLow: pin.activeLow };
  }
  return kept;
}

/** Alive pulses and lamps may hang anywhere: what they show at power-up starts nothing. */
function unsafePin({ driver, outputs }: LinesConfig): string | undefined {
  for (const name of OUTPUTS) {
    const pin = outputs[name];
    if (!pin || name === "alive" || (driver.name === "simulated" && pin.pin === NO_PIN.pin)) continue;
    const verdict = checkPin(pin.pin, pin.activeLow);
    if (!verdict.ok) return `${WORDS[name]} cannot hang on GPIO ${String(pin.pin)}: ${verdict.reason}`;
  }
  return undefined;
}

function pinUsedTwice({ outputs, lamps, inputs }: LinesConfig): string | undefined {
  const users = new Map<number, string>();
  for (const [name, { pin }] of Object.entries({ ...outputs, ...lamps, ...inputs })) {
    const word = WORDS[name as keyof typeof WORDS];
    const other = users.get(pin);
    if (other !== undefined) return `GPIO ${String(pin)} is wired twice, for ${other} and ${word}: move one of them`;
    users.set(pin, word);
  }
  return undefined;
}
