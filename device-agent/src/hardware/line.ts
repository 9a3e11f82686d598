import type { InputName } from "../ports.js";

/** What the lines of one machine are, as their holder process sees them. This file stays small: the holder loads it. */

/** A header pin (BCM number) and which of its levels means "active". */
export interface Pin {
  readonly pin: number;
  readonly activeLow: boolean;
}

/** The outputs that fail inactive, in the order in which they are let go: the relay is always the first (SAFETY R2). */
export const OUTPUTS = ["relay", "runOn", "stop", "alive"] as const;
export type OutputName = (typeof OUTPUTS)[number];

export const LAMPS = ["green", "yellow", "red", "buzzer"] as const;
export type LampName = (typeof LAMPS)[number];

export interface GpioDriverConfig {
  /** `auto`: the character device where it and its binding are there, else sysfs. */
  readonly name: "auto" | "sysfs" | "chardev";
  /** Label of the GPIO chip, where it is none of the Raspberry Pi's own. */
  readonly chipLabel?: string;
  /** The chip's first number in sysfs, where the label does not decide. */
  readonly base?: number;
}

export interface SimulatedDriverConfig {
  readonly name: "simulated";
  /** Unix socket of whoever watches; without one the lines are kept and told to nobody. */
  readonly socket?: string;
}

export type DriverConfig = GpioDriverConfig | SimulatedDriverConfig;

/** Everything one holder process owns. What is absent is not wired. */
export interface LinesConfig {
  readonly driver: DriverConfig;
  readonly outputs: { readonly [name in OutputName]?: Pin };
  readonly lamps: { readonly [name in LampName]?: Pin };
  readonly inputs: { readonly [name in InputName]?: Pin };
}

export interface OutputLine {
  /** Synchronous, so that it also works while the process ends. Throws when the line cannot be written. */
  set(active: boolean): void;
  /** A file whose writing makes the line inactive, for the case that the holder can no longer do it. */
  readonly opener?: Opener;
}

export interface Opener {
  readonly path: string;
  readonly text: string;
}

/** What a contact did since it was looked at last; polarity is dealt with. */
export interface Sample {
  readonly active: boolean;
  /** How often the level changed since the last sample; more than the levels show where the kernel counts edges. */
  readonly edges: number;
}

export interface InputLine {
  /** Never waits. Throws when the line cannot be read. */
  sample(): Sample;
}

/** One way to the pins. Every line is opened once; outputs at their inactive level, without a glitch (SAFETY R1). */
export interface LineDriver {
  readonly name: "sysfs" | "chardev" | "simulated";
  openOutput(name: OutputName | LampName, pin: Pin): OutputLine;
  openInput(name: InputName, pin: Pin): InputLine;
}

/**
 * A configured driver that this machine cannot offer; `hint` is the command that mends it. Never a reason to fall back.
 */
export class DriverMissingError extends Error {
  override readonly name = "DriverMissingError";
  readonly hint: string;

  constructor(message: string, { hint, cause }: { readonly hint: string; readonly cause?: unknown }) {
    super(message, cause === undefined ? {} : { cause });
    this.hint = hint;
  }
}
