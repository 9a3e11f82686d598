import type { MachinePolicy } from "@badgekey/shared";

/**
 * The second output: extraction, coolant (SAFETY R11). A reducer of its own, fed by `outputsFor(…).runOn`: it is on as
 * long as that is, and runs on afterwards for the seconds that held when it was switched on. Nothing but that time and
 * the program's end puts it off: neither a withdrawn badge, nor a fault, nor a policy without it.
 */
export type RunOn =
  | { readonly kind: "off" }
  | { readonly kind: "on"; readonly afterMs: number }
  | { readonly kind: "after"; readonly untilMs: number };

export const RUN_ON_OFF: RunOn = { kind: "off" };

/** `wanted` is what `outputsFor` says now; `atMs` is monotonic. To be called after each step and tick. */
export function stepRunOn(
  runOn: RunOn,
  { wanted, atMs }: { readonly wanted: boolean; readonly atMs: number },
  policy: MachinePolicy,
): RunOn {
  if (wanted) return { kind: "on", afterMs: (policy.runOn?.seconds ?? 0) * 1000 };
  switch (runOn.kind) {
    case "off":
      return runOn;
    case "on":
      return runOn.afterMs > 0 ? { kind: "after", untilMs: atMs + runOn.afterMs } : RUN_ON_OFF;
    case "after":
      return atMs < runOn.untilMs ? runOn : RUN_ON_OFF;
  }
}

/** Whether the output is on. */
export function runsOn(runOn: RunOn): boolean {
  return runOn.kind !== "off";
}
