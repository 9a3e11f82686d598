import { rmSync } from "node:fs";
import type { FaultLayer } from "./fault-layer.js";
import { memoryFolder } from "./memory-folder.js";

export const FAULT_KINDS = ["enospc", "eio", "sync"] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface FaultCounts {
  /** Disks that failed from their n-th write or sync on. */
  cases: number;
  /** Of those, the ones in which the journal told that the disk is full. */
  toldFull: number;
  readonly problems: string[];
}

interface CaseLine {
  readonly from: number;
  readonly seen: number;
  readonly told: readonly string[];
  readonly problems: readonly string[];
}

/** Lets a disk fail at every write or sync of a use, one after the other; `from` and `every` choose among them. */
export async function failAtEveryWrite(
  layer: FaultLayer,
  kind: FaultKind,
  { from = 1, every = 1 }: { readonly from?: number; readonly every?: number } = {},
): Promise<FaultCounts> {
  const memory = memoryFolder();
  try {
    const environment = { FAULT_ROOT: memory, STORY_KIND: kind, STORY_FROM: String(from), STORY_EVERY: String(every) };
    const lines = (await layer.run("full-disk-writer.js", environment)).trim().split("\n");
    const cases = lines.map((line) => JSON.parse(line) as CaseLine);
    return {
      cases: cases.length,
      toldFull: cases.filter(({ told }) => told.includes("full")).length,
      problems: cases.flatMap(({ from: n, problems }) => problems.map((one) => `${kind} from ${String(n)}: ${one}`)),
    };
  } finally {
    rmSync(memory, { recursive: true, force: true });
  }
}
