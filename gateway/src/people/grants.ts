import type { Instant, Level } from "@badgekey/shared";
import { RefusedError } from "../refused.js";
import { type PeopleDeps, addTrainingRecord, requirePerson } from "./people.js";
import { findTraining } from "./trainings.js";

export interface WantedGrant {
  readonly training: string | number;
  readonly level?: Level | undefined;
  readonly endsAt?: string | undefined;
}

export interface RecordedGrant {
  readonly training: number;
  readonly level: Level;
  readonly endsAt: Instant;
}

const DAY_MS = 86_400_000;

/**
 * What a badge is issued from: all live training records of the person, or the grants named, each with a record behind
 * it (one is added for what is new). Refused: NOT_FOUND, CONFLICT where the person holds nothing.
 */
export async function grantsOf(
  person: string,
  wanted: readonly WantedGrant[] | undefined,
  deps: PeopleDeps,
): Promise<readonly RecordedGrant[]> {
  await requirePerson(person, deps.store);
  const now = deps.clock();
  const live = (await deps.store.records(person)).filter(({ endsAt }) => endsAt > now);
  if (!wanted) {
    if (live.length > 0) return live;
    throw new RefusedError("CONFLICT", "this person holds no training at present", {
      hint: "record a training first, or name the grants",
    });
  }
  const trainings = await deps.store.trainings();
  const grants: RecordedGrant[] = [];
  for (const { training: name, level = 2, endsAt } of wanted) {
    const { number, validDays } = findTraining(trainings, name);
    const held = live.find((record) => record.training === number && record.level === level);
    if (held && (endsAt === undefined || Date.parse(endsAt) === held.endsAt)) {
      grants.push(held);
      continue;
    }
    const end = endsAt === undefined ? now + validDays * DAY_MS : Date.parse(endsAt);
    // What is over already leaves no record behind: it was never held here.
    if (end > now) {
      await addTrainingRecord({ person, training: number, level, endsAt: new Date(end).toISOString() }, deps);
    }
    grants.push({ training: number, level, endsAt: end });
  }
  return grants;
}
