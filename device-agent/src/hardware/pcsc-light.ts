import type { Signal } from "../ports.js";

/** What a two-colour light and a buzzer say; both colours together are yellow. */
interface Light {
  readonly green: boolean;
  readonly red: boolean;
  /** Short, once: it tells those who look at the machine instead of at the reader. */
  readonly beep: boolean;
}

const LIGHTS = {
  ready: { green: false, red: false, beep: false },
  reading: { green: true, red: true, beep: false },
  busy: { green: true, red: true, beep: false },
  enabled: { green: true, red: false, beep: false },
  warning: { green: true, red: true, beep: true },
  refused: { green: false, red: true, beep: true },
  outOfService: { green: false, red: true, beep: false },
  attention: { green: false, red: true, beep: false },
} as const satisfies Record<Signal, Light>;

/** Longest answer to a light command: a status word, or two bytes and one. */
export const LIGHT_ANSWER_LIMIT = 16;

/**
 * The escape command that makes a reader of this name show `signal`; undefined where it has no light that we know how
 * to ask for. ACR122U (API manual, "bi-color LED and buzzer control"): final states with their masks, then durations in
 * 100 ms. Without repetitions, because the reader reads no card while it blinks.
 */
export function lightCommand(reader: string, signal: Signal): Uint8Array | undefined {
  if (!/\bACR122/i.test(reader)) return undefined;
  const { green, red, beep }: Light = LIGHTS[signal];
  const updateBoth = 0b1100;
  const state = updateBoth | (green ? 0b10 : 0) | (red ? 0b01 : 0);
  return Uint8Array.of(0xff, 0x00, 0x40, state, 0x04, beep ? 1 : 0, 0x00, beep ? 1 : 0, beep ? 1 : 0);
}
