import { setTimeout as pause } from "node:timers/promises";
import { LOOK, type PiLook } from "./guest/pi-look.js";
import type { Suite, SuiteContext } from "./suite.js";
import { bootPi, type Pi, piSystem } from "./vm/boot-pi.js";

/**
 * The relay's holder once more on arm64, with the pin driver of a real Raspberry Pi, seen from outside through QEMU's
 * monitor; with the setting of Raspberry Pi OS, under which the kernel keeps a pin whose program died.
 */
export const piSuite: Suite = {
  name: "pi",
  run: async (context) => {
    const system = await piSystem(context.cache, context.say);
    let done = Promise.resolve();
    let seen = 0;
    let code: number | undefined;
    const pi: Pi = await bootPi({
      system,
      persistOutputs: true,
      timeoutMs: 280_000,
      onLine: (line) => {
        if (line.startsWith(LOOK)) {
          const look = JSON.parse(line.slice(LOOK.length)) as PiLook;
          seen += 1;
          done = done.then(() => answer(pi, look, context));
          return;
        }
        context.onLine(line);
        if (line.startsWith("@@end ")) {
          code = Number(line.slice(6));
          void done.finally(() => pi.end());
        }
      },
    });
    await pi.ended;
    await done;
    if (seen === 0 || code !== 0)
      throw new Error(`the board's program ended with ${code ?? "nothing"} after ${seen} looks`);
  },
};

async function answer(
  pi: Pi,
  { what, pin, level, drive, stays, forMs }: PiLook,
  { onCase }: SuiteContext,
): Promise<void> {
  const beganAt = performance.now();
  const spentMs = (): number => Math.round(performance.now() - beganAt);
  let state = await pi.pin(pin);
  const isWanted = (): boolean => state.level === level && state.drive === drive;
  while (stays ? isWanted() && spentMs() < forMs : !isWanted() && spentMs() < forMs) {
    await pause(5);
    state = await pi.pin(pin);
  }
  const ms = spentMs();
  const failure = isWanted() ? {} : { failure: `the pin is ${state.drive} ${state.level}, not ${drive} ${level}` };
  onCase({ name: what, ms, figures: stays ? {} : { seenAfterMs: ms }, ...failure });
}
