/**
 * One step of the story: told, then done. `run` returns the outcome in a sentence, or throws when it came out
 * otherwise.
 */
export interface StoryStep {
  readonly title: string;
  readonly run: () => Promise<StepOutcome>;
}

export interface StepOutcome {
  readonly outcome: string;
  /** Named times, ms. */
  readonly latencyMs?: Readonly<Record<string, number>>;
}

export interface StepReport extends StepOutcome {
  readonly step: number;
  readonly title: string;
  readonly ok: boolean;
  /** The whole step, ms. */
  readonly ms: number;
}

export interface StoryReport {
  readonly ok: boolean;
  readonly steps: readonly StepReport[];
  readonly total: number;
  readonly ms: number;
  /** Title and reason of the step that did not come out as told. */
  readonly broken?: { readonly step: number; readonly title: string; readonly reason: string };
}

/** Runs the steps in order and stops at the first that does not come out as told: what follows would mean nothing. */
export async function runStory(
  steps: readonly StoryStep[],
  tell: (report: StepReport, total: number) => void,
  stepDeadlineMs = 70_000,
): Promise<StoryReport> {
  const reports: StepReport[] = [];
  const startedMs = performance.now();
  for (const [index, { title, run }] of steps.entries()) {
    const step = index + 1;
    const stepStartedMs = performance.now();
    const finish = (ok: boolean, outcome: StepOutcome): StepReport => {
      const report = { step, title, ok, ms: rounded(performance.now() - stepStartedMs), ...outcome };
      reports.push(report);
      tell(report, steps.length);
      return report;
    };
    try {
      finish(true, await beforeDeadline(run(), stepDeadlineMs));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      finish(false, { outcome: reason });
      const ms = rounded(performance.now() - startedMs);
      return { ok: false, steps: reports, total: steps.length, ms, broken: { step, title, reason } };
    }
  }
  return { ok: true, steps: reports, total: steps.length, ms: rounded(performance.now() - startedMs) };
}

async function beforeDeadline<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
