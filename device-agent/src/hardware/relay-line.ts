/** The output a relay hangs on, as the holder process sees it. This file and all it imports stay small: the holder loads them. */

export interface GpioLineConfig {
  readonly driver: "gpio";
  /** BCM number of the header pin; checkPin says which are allowed. */
  readonly pin: number;
  readonly activeLow?: boolean;
  /** Label of the GPIO chip, where it is none of the Raspberry Pi's own. */
  readonly chipLabel?: string;
  /** The chip's first number in sysfs, where the label does not decide. */
  readonly base?: number;
}

export interface SimulatedLineConfig {
  readonly driver: "simulated";
  /** Unix socket of whoever watches; without one the position is kept and told to nobody. */
  readonly socket?: string;
}

export type LineConfig = GpioLineConfig | SimulatedLineConfig;

export type Position = "open" | "closed";

export interface Line {
  /** Synchronous, so that it also works while the process ends. Throws when the line cannot be written. */
  set(position: Position): void;
  /** A file whose writing opens the line, for the case that the holder can no longer do it. */
  readonly opener?: Opener;
}

export interface Opener {
  readonly path: string;
  readonly text: string;
}

/** A configured driver that this machine cannot offer; `hint` is the command that mends it. Never a reason to fall back. */
export class DriverMissingError extends Error {
  override readonly name = "DriverMissingError";
  readonly hint: string;

  constructor(message: string, { hint, cause }: { readonly hint: string; readonly cause?: unknown }) {
    super(message, cause === undefined ? {} : { cause });
    this.hint = hint;
  }
}
