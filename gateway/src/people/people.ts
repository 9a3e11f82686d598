import type { Instant, PersonInput, TrainingRecordInput } from "@badgekey/shared";
import { randomText } from "../random-text.js";
import { RefusedError } from "../refused.js";
import type { PeopleStore, Person, TrainingRecord, TrainingStore } from "./ports.js";
import { findTraining } from "./trainings.js";

const DAY_MS = 86_400_000;

export interface PeopleDeps {
  readonly store: PeopleStore & TrainingStore;
  readonly clock: () => Instant;
}

/** Refused: ALREADY_EXISTS where somebody has that e-mail address or campus number. */
export async function addPerson(input: PersonInput, { store, clock }: PeopleDeps): Promise<Person> {
  const { name, email = null, campusId = null } = input;
  const person = { id: randomText(10), name, email, campusId };
  if (!(await store.addPerson(person, clock()))) {
    throw new RefusedError("ALREADY_EXISTS", "somebody has this e-mail address or campus number already", {
      hint: "search for the person first",
    });
  }
  return person;
}

/** Refused: NOT_FOUND. */
export async function requirePerson(id: string, store: PeopleStore): Promise<Person> {
  const person = await store.person(id);
  if (person) return person;
  throw new RefusedError("NOT_FOUND", `there is no person ${id}`, { hint: "list people to find the id" });
}

/** Notes that a person holds a training: what badges are issued from. Refused: NOT_FOUND, REQUEST_INVALID. */
export async function addTrainingRecord(
  input: TrainingRecordInput,
  { store, clock }: PeopleDeps,
): Promise<TrainingRecord> {
  const person = await requirePerson(input.person, store);
  const training = findTraining(await store.trainings(), input.training);
  const now = clock();
  const heldOn = input.heldOn ?? new Date(now).toISOString().slice(0, 10);
  const endsAt =
    input.endsAt === undefined ? Date.parse(heldOn) + training.validDays * DAY_MS : Date.parse(input.endsAt);
  if (endsAt <= Date.parse(heldOn)) {
    throw new RefusedError("REQUEST_INVALID", "endsAt: a training ends after the day on which it was held");
  }
  const record = {
    id: randomText(10),
    person: person.id,
    training: training.number,
    level: input.level ?? 2,
    heldOn,
    endsAt,
    trainer: input.trainer ?? null,
    evidence: input.evidence ?? null,
  };
  await store.addRecord(record, now);
  return record;
}
