import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkJournal, checkSiteState, hear, nothingTold } from "./check-disk.js";
import type { FaultLayer } from "./fault-layer.js";
import { memoryFolder } from "./memory-folder.js";
import { seeded } from "./seeded.js";
import { FOLDERS } from "./story.js";
import { type CutStyle, TracedDisk, readTrace } from "./traced-disk.js";

const STYLES: readonly CutStyle[] = [
  { keep: 0, tear: 0 },
  { keep: 1, tear: 0 },
  { keep: 0.5, tear: 0 },
  { keep: 0.7, tear: 0.5 },
  { keep: 1, tear: 1 },
];

export interface PowerCutOptions {
  readonly layer: FaultLayer;
  readonly seed: number;
  readonly records: number;
  /** A cut at every so manieth step; 1 for all. */
  readonly every?: number;
  /** Only this step, to look at one failure again. */
  readonly step?: number;
}

export interface PowerCutCounts {
  readonly steps: number;
  cuts: number;
  acknowledgedLost: number;
  wrongRows: number;
  /** Starts that reported damage, and of those the ones that could not vouch for the marks. */
  reported: number;
  marksLost: number;
  readonly problems: string[];
}

/**
 * Runs the writer once and cuts its power at every step it made, several times with other fates of what was not synced.
 */
export async function cutAtEveryStep(options: PowerCutOptions): Promise<PowerCutCounts> {
  const { layer, seed, records, every = 1 } = options;
  const folder = mkdtempSync(join(tmpdir(), "badgekey-power-cuts-"));
  const memory = memoryFolder();
  try {
    const root = join(folder, "disk");
    for (const name of FOLDERS) mkdirSync(join(root, name), { recursive: true });
    const trace = join(folder, "trace");
    await layer.run("power-cut-writer.js", { FAULT_ROOT: root, FAULT_TRACE: trace, STORY_RECORDS: String(records) });
    const steps = readTrace(readFileSync(trace));
    const disk = new TracedDisk(root, FOLDERS);
    const told = nothingTold();
    const counts = { steps: 0, cuts: 0, acknowledgedLost: 0, wrongRows: 0, reported: 0, marksLost: 0, problems: [] };
    const result: PowerCutCounts & { steps: number } = counts;
    let notes = -1;
    for (const step of steps) {
      if (step.operation === "open" && step.path === join(root, "notes")) notes = step.fd;
      if (step.fd === notes) {
        if (step.operation === "write") for (const line of step.data.toString().trim().split("\n")) hear(told, line);
        continue;
      }
      disk.play(step);
      if (step.operation === "close") continue;
      result.steps += 1;
      if (options.step !== undefined ? result.steps !== options.step : result.steps % every !== 0) continue;
      for (const [style, fate] of STYLES.entries()) {
        const where = `seed ${String(seed)} step ${String(result.steps)} style ${String(style)}`;
        disk.writeAfterCut(memory, fate, seeded(seed + 1_000 * result.steps + style));
        result.cuts += 1;
        const found = checkJournal(memory, told);
        result.acknowledgedLost += found.lost;
        result.wrongRows += found.wrong;
        result.reported += found.isSalvaged ? 1 : 0;
        result.marksLost += found.marksLost ? 1 : 0;
        const problems = [...found.problems, ...(await checkSiteState(memory, told))];
        result.problems.push(...problems.map((problem) => `${where}: ${problem}`));
      }
    }
    return result;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(memory, { recursive: true, force: true });
  }
}
