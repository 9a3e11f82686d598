import { type CaseResult, MARK } from "./guest/cases.js";
import { bootGuest, type GuestOptions, NotBootedError, untilBooted } from "./vm/boot-guest.js";
import type { GuestKernel } from "./vm/guest-kernel.js";

/** What a suite has beside its own. */
export interface SuiteContext {
  readonly kernel: GuestKernel;
  /** The image of what was built, made once for all guests. */
  readonly software: string;
  /** Where kernels and systems are kept from run to run. */
  readonly cache: string;
  /** Asserts the times of a quiet machine. */
  readonly strict: boolean;
  readonly onCase: (result: CaseResult) => void;
  /** A line of a guest's console that is no case; shown with `--verbose`. */
  readonly onLine: (line: string) => void;
  /** For people, at once. */
  readonly say: (line: string) => void;
}

/** The cases of one machine, or of one story told by several boots. */
export interface Suite {
  readonly name: string;
  run(context: SuiteContext): Promise<void>;
}

export interface CasesOptions extends Omit<GuestOptions, "kernel" | "software" | "onLine"> {
  /** The power is cut so long after the guest wrote this line: nothing else is a good end then. */
  readonly cutAfter?: { readonly line: string; readonly ms: number };
}

/** Boots one guest whose command runs cases. Rejects where it ends in any other way than asked for. */
export function bootCases(context: SuiteContext, options: CasesOptions): Promise<void> {
  return untilBooted(() => bootOnce(context, options), context.say);
}

async function bootOnce(
  { kernel, software, onCase, onLine }: SuiteContext,
  { cutAfter, ...options }: CasesOptions,
): Promise<void> {
  let seen = 0;
  let failed = 0;
  const guest = await bootGuest({
    ...options,
    kernel,
    software,
    onLine: (line) => {
      if (!line.startsWith(MARK)) {
        if (line === cutAfter?.line) setTimeout(() => void guest.cutPower(), cutAfter.ms);
        onLine(line);
        return;
      }
      const result = JSON.parse(line.slice(MARK.length)) as CaseResult;
      seen += 1;
      if (result.failure !== undefined) failed += 1;
      onCase(result);
    },
  });
  try {
    const end = await guest.ended;
    if (end.kind === "failed") {
      const NamedError = end.isUp ? Error : NotBootedError;
      throw new NamedError(`the guest ended without a result:\n${end.console}`);
    }
    if (cutAfter && end.kind === "cut") return;
    if (end.kind !== "exited") throw new Error(`the guest ended otherwise: ${end.kind}, after ${seen} cases`);
    if (cutAfter) throw new Error(`the guest ended before its power was cut, after ${seen} cases`);
    if (seen === 0 || end.code !== (failed > 0 ? 1 : 0)) {
      throw new Error(`the guest's program ended with ${end.code} after ${seen} cases, ${failed} of them failed`);
    }
  } finally {
    await guest.remove();
  }
}
