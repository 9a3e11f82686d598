import type { ClockState, Instant, MachinePolicy } from "@badgekey/shared";

type Mode = MachinePolicy["mode"];

const ENFORCE: Mode = { kind: "enforce" };

/**
 * The mode that holds now: whatever ends by the clock counts as ended unless the time is confirmed.
 */
export function modeInForce({ mode }: MachinePolicy, now: Instant, clock: ClockState): Mode {
  switch (mode.kind) {
    case "enforce":
      return mode;
    case "warnOnly":
    case "unrestrictedUntil":
      return clock !== "untrusted" && now < mode.until ? mode : ENFORCE;
  }
}

/**
 * The policy as the interlock has to follow it now; the same object where its mode holds as it stands. What hinders
 * everybody hinders whom a machine is open to, too: a press needs what a card needs.
 */
export function policyInForce(
  policy: MachinePolicy,
  now: Instant,
  clock: ClockState,
  isHindered: () => boolean,
): MachinePolicy {
  const inForce = modeInForce(policy, now, clock);
  const mode = inForce.kind === "unrestrictedUntil" && isHindered() ? ENFORCE : inForce;
  return mode === policy.mode ? policy : { ...policy, mode };
}
