import type { Instant } from "@badgekey/shared";
import type { Transport } from "../api/index.js";

/** Everything the CLI touches of the world outside: given by the entry point, or by a test. */
export interface CliIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
  /** IANA name of the zone in which people read times. */
  readonly timeZone: string;
  /** Whether a person reads standard error, and answers on standard input. */
  readonly interactive: boolean;
  readonly colors: boolean;
  /** Data: standard output, exactly as given. */
  write(text: string): void;
  /** People: standard error, exactly as given. */
  say(text: string): void;
  /** Asks on the terminal; undefined when the input ended. */
  ask(question: string): Promise<string | undefined>;
  readStdin(): Promise<Uint8Array>;
  now(): Instant;
  sleep(ms: number): Promise<void>;
  /** Made from a CA file where one is configured; the system's own otherwise. */
  readonly transport?: Transport;
}

/** A request that the command line itself got wrong: exit 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";

  constructor(
    message: string,
    readonly hint?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Refused for a reason the command found itself: exit 1. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly code: string;
  readonly hint: string | undefined;
  /** The refusal stands in the data already printed: with --json it is not told a second time. */
  readonly printed: boolean;

  constructor(message: string, { code, hint, printed, cause }: RefusalDetails = {}) {
    super(message, { cause });
    this.code = code ?? "CONFLICT";
    this.hint = hint;
    this.printed = printed ?? false;
  }
}

export interface RefusalDetails {
  readonly code?: string;
  readonly hint?: string;
  readonly printed?: boolean;
  readonly cause?: unknown;
}
