/**
 * One thing that must hold on real lines. `measure` puts a figure beside its result, in milliseconds where the name
 * ends so.
 */
export interface GuestCase {
  readonly name: string;
  run(measure: Measure): Promise<void>;
}

export type Measure = (name: string, value: number) => void;

/** What a guest tells the host of a case: a line of its console, after MARK, as JSON. */
export interface CaseResult {
  readonly name: string;
  readonly ms: number;
  readonly figures: Readonly<Record<string, number>>;
  /** Why it failed; absent when it held. */
  readonly failure?: string;
}

export const MARK = "@@case ";
const LONGEST_CASE_MS = 240_000;

/** Runs them one after the other, telling each result at once; resolves with how many failed. */
export async function runCases(cases: readonly GuestCase[]): Promise<number> {
  let failed = 0;
  for (const { name, run } of cases) {
    const beganAt = performance.now();
    const figures: Record<string, number> = {};
    const failure = await failureOf(run((figure, value) => (figures[figure] = Math.round(value * 10) / 10)));
    if (failure !== undefined) failed += 1;
    const ms = Math.round(performance.now() - beganAt);
    const result: CaseResult = { name, ms, figures, ...(failure !== undefined && { failure }) };
    process.stdout.write(`${MARK}${JSON.stringify(result)}\n`);
  }
  return failed;
}

async function failureOf(running: Promise<void>): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${LONGEST_CASE_MS} ms`)), LONGEST_CASE_MS);
  });
  try {
    await Promise.race([running, tooLong]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Looks every 2 ms, or `everyMs`, until it holds; rejects after `ms`. Real processes are watched here, there is no
 * clock to move.
 */
export async function until(what: string, holds: () => boolean, ms = 60_000, everyMs = 2): Promise<void> {
  const endAt = performance.now() + ms;
  while (!holds()) {
    if (performance.now() > endAt) throw new Error(`not seen within ${ms} ms: ${what}`);
    await pause(everyMs);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
