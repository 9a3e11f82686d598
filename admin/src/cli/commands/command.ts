import type { Command } from "commander";
import type { CliIo } from "../io.js";
import { type CliSession, sessionOf } from "../session.js";

/** Adds its commands below the program. */
export type AddCommands = (program: Command, io: CliIo) => void;

/** Runs an action with the session of its command: positional arguments first, the command's own options last. */
export function withSession<A extends readonly unknown[]>(
  io: CliIo,
  action: (session: CliSession, ...args: A) => Promise<void>,
): (this: Command, ...args: unknown[]) => Promise<void> {
  return async function (...args) {
    // Commander appends the command itself; `this` is it.
    await action(sessionOf(io, this), ...(args.slice(0, -1) as unknown as A));
  };
}
