import type { Screen } from "../ports.js";

/** For a machine without a screen. */
export function silentScreen(): Screen {
  return { show: () => undefined, decided: () => undefined, close: () => Promise.resolve() };
}
