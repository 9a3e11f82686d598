import { type InterlockState, blocksOf, sessionOf, sightOf } from "../interlock/interlock-state.js";
import type { ScreenNote } from "../ports.js";
import { modeInForce } from "../tap/mode-in-force.js";
import { say } from "./messages/messages.js";
import type { ScreenContext } from "./screen-context.js";
import { whenIn } from "./wall-time.js";

/** What else holds at the machine, whatever its state: told small, and always. */
export function screenNotes(state: InterlockState, context: ScreenContext): readonly ScreenNote[] {
  const { messages } = context;
  const notes: ScreenNote[] = [];
  const mode = waivingMode(context);
  if (mode) {
    const time = whenIn(context, mode.until, context.now);
    if (mode.kind === "warnOnly") notes.push({ kind: "watchOnly", text: say(messages, "note.watchOnly", { time }) });
    else notes.push({ kind: "open", text: say(messages, "note.open", { time }) });
  }
  const staleAt = staleAtOf(context);
  if (staleAt !== undefined) {
    notes.push({ kind: "lists", text: say(messages, "note.lists", { time: whenIn(context, staleAt, context.now) }) });
  }
  if (context.clock === "untrusted") notes.push({ kind: "clock", text: say(messages, "note.clock") });
  if (sessionOf(state) && blocksOf(state).faults.includes("READER_LOST")) {
    notes.push({ kind: "readerLost", text: say(messages, "note.readerLost") });
  }
  if (sightOf(state).bypassSinceMs !== undefined) notes.push({ kind: "bypass", text: say(messages, "note.bypass") });
  return notes;
}

/** The mode that waives something now. */
export function waivingMode({ policy, now, clock, hindrance }: ScreenContext) {
  const mode = policy && modeInForce(policy, now, clock);
  const isOff = mode?.kind === "enforce" || (mode?.kind === "unrestrictedUntil" && hindrance !== undefined);
  return isOff ? undefined : mode;
}

/** Until when it works without contact; undefined as long as the contact is recent. */
function staleAtOf({ policy, now, stalenessMs }: ScreenContext): number | undefined {
  if (!policy || stalenessMs <= policy.staleness.warnAfterSeconds * 1000) return undefined;
  const untilAt = now - stalenessMs + policy.staleness.refuseAfterSeconds * 1000;
  return now > untilAt ? undefined : untilAt;
}
