import { z } from "zod";

/** What the simulated drivers of an agent tell the bench: one JSON object a line, a hello first. */
const hex = z
  .string()
  .max(2048)
  .regex(/^(?:[0-9a-f]{2})*$/i);
const count = z.int().min(0);
const line = z.string().max(1024);

export const screenTones = [
  "ready",
  "reading",
  "busy",
  "enabled",
  "warning",
  "refused",
  "outOfService",
  "attention",
] as const;

export const fromAgent = z.discriminatedUnion("type", [
  z.object({ type: z.literal("hello"), role: z.enum(["reader", "relay", "screen"]) }),
  z.object({ type: z.literal("apdu"), id: count, n: count, data: hex }),
  z.object({ type: z.literal("relay"), position: z.enum(["closed", "open"]) }),
  /** The other outputs by their names in the wiring: runOn, stop, alive, lamps. */
  z.object({ type: z.literal("outputs") }).catchall(z.boolean()),
  z.object({ type: z.literal("screen"), tone: z.enum(screenTones), headline: line, detail: line, next: line }),
  z.object({ type: z.literal("decision"), code: line, decisionUs: z.number().min(0), tapUs: z.number().min(0) }),
]);
export type FromAgent = z.output<typeof fromAgent>;

export type ToReader =
  | { readonly type: "insert"; readonly id: number; readonly atr: string; readonly found?: true }
  | { readonly type: "remove"; readonly id: number }
  | { readonly type: "answer"; readonly id: number; readonly n: number; readonly data: string };

/** How a contact of the machine stands, by its name in the wiring. */
export interface ToRelay {
  readonly type: "input";
  readonly input: string;
  readonly active: boolean;
}

export const MOST_LINE = 8192;

/** Cuts a stream into lines; throws a RangeError for a line longer than the protocol allows. */
export function lineCutter(): (text: string) => readonly string[] {
  let rest = "";
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MOST_LINE || lines.some((one) => one.length > MOST_LINE)) {
      throw new RangeError(`a line of over ${MOST_LINE} characters`);
    }
    return lines;
  };
}
