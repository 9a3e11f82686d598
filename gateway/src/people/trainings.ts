import type { TrainingInput } from "@badgekey/shared";
import { RefusedError } from "../refused.js";
import type { SiteTraining, TrainingStore } from "./ports.js";

export interface TrainingsDeps {
  readonly store: TrainingStore;
  /** A training stands in the trust list and in the policy: agents must learn of it. */
  readonly publish: () => Promise<unknown>;
}

/** Adds a training; its number is the next free one unless given. Refused: ALREADY_EXISTS. */
export async function addTraining(input: TrainingInput, { store, publish }: TrainingsDeps): Promise<SiteTraining> {
  const known = await store.trainings();
  const { slug, name, url = "", validDays = 365 } = input;
  const number = input.number ?? nextNumber(known);
  const clash = known.find((other) => other.slug === slug || other.number === number);
  const training = { number, slug, name, url, validDays };
  if (clash || !(await store.addTraining(training))) {
    throw new RefusedError("ALREADY_EXISTS", `training ${clash?.slug ?? slug} has this slug or number already`, {
      hint: "choose another slug, or leave out the number",
    });
  }
  await publish();
  return training;
}

/** Finds a training by slug or number, as people write either. Refused: NOT_FOUND. */
export function findTraining(trainings: readonly SiteTraining[], wanted: string | number): SiteTraining {
  const found = trainings.find(({ slug, number }) => slug === wanted || number === wanted || String(number) === wanted);
  if (found) return found;
  throw new RefusedError("NOT_FOUND", `there is no training ${wanted}`, {
    hint: trainings.length > 0 ? `known trainings: ${trainings.map(({ slug }) => slug).join(", ")}` : "add one first",
  });
}

/** Numbers start at 1; those below 24 take one byte on a card. */
function nextNumber(known: readonly SiteTraining[]): number {
  const taken = new Set(known.map(({ number }) => number));
  let number = 1;
  while (taken.has(number)) number += 1;
  return number;
}
