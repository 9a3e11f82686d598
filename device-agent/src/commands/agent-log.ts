import { type Logger, destination, pino } from "pino";
import type { AgentConfig } from "../config.js";

export interface AgentLog {
  readonly log: Logger;
  /** Writes what is still in memory, synchronously: for the end of the process only. */
  readonly flush: () => void;
}

const MOST_UNWRITTEN_BYTES = 1_048_576;

/**
 * JSON lines on standard error, written off the loop: a journald that stalls must not stall the interlock (SAFETY R8).
 * Where nobody reads, lines are dropped beyond 1 MiB.
 */
export function openLog(level: AgentConfig["log"]["level"], agent: string): AgentLog {
  const stream = destination({ dest: 2, sync: false, maxLength: MOST_UNWRITTEN_BYTES });
  // Standard error is gone: there is nowhere left to say so, and the machine does not depend on it.
  stream.on("error", () => undefined);
  return {
    log: pino({ level, base: { agent } }, stream),
    flush: () => {
      try {
        stream.flushSync();
      } catch {
        // As above: the process ends in this moment, and its exit code is what is left to say.
      }
    },
  };
}
