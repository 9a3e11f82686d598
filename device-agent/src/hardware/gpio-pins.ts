/** The chips that carry the header's pins: Pi 0 to 3, Pi 4, Pi 5. */
export const HEADER_CHIPS: readonly string[] = ["pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"];

export type PinVerdict = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/**
 * Whether a relay may hang on this BCM pin: only where the Pi itself pulls the line to "open" at power-up, before any
 * program runs (SAFETY R1). Active high: 9 to 27 without 14 and 15 (the serial port); active low: 4 to 8.
 */
export function checkPin(pin: number, activeLow: boolean): PinVerdict {
  if (!Number.isInteger(pin) || pin < 0 || pin > 27) {
    return { ok: false, reason: `pin ${pin} is no BCM number of the header: 4 to 27 are` };
  }
  if (activeLow) {
    if (pin >= 4 && pin <= 8) return { ok: true };
    return { ok: false, reason: `pin ${pin} is not pulled up at power-up: an active-low relay needs GPIO 4 to 8` };
  }
  if (pin === 14 || pin === 15) return { ok: false, reason: `pin ${pin} is the serial port, which speaks at power-up` };
  if (pin >= 9) return { ok: true };
  return { ok: false, reason: `pin ${pin} is not pulled down at power-up: an active-high relay needs GPIO 9 to 27` };
}
