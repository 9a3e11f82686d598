import type { Instant, Level } from "@badgekey/shared";

export interface SiteTraining {
  readonly number: number;
  readonly slug: string;
  readonly name: string;
  readonly url: string;
  readonly validDays: number;
}

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly email: string | null;
  readonly campusId: string | null;
}

export interface TrainingRecord {
  readonly id: string;
  readonly person: string;
  readonly training: number;
  readonly level: Level;
  /** yyyy-mm-dd. */
  readonly heldOn: string;
  readonly endsAt: Instant;
  readonly trainer: string | null;
  readonly evidence: string | null;
}

export interface TrainingStore {
  trainings(): Promise<readonly SiteTraining[]>;
  /** False where the number or the slug is taken. */
  addTraining(training: SiteTraining): Promise<boolean>;
}

export interface PeopleStore {
  person(id: string): Promise<Person | undefined>;
  /** Part of name, e-mail address or campus number; all people where it is empty. At most 500, by name. */
  people(search: string): Promise<readonly Person[]>;
  countPeople(): Promise<number>;
  /** Everybody's name by id. */
  names(): Promise<ReadonlyMap<string, string>>;
  /** False where the e-mail address or the campus number is taken. */
  addPerson(person: Person, createdAt: Instant): Promise<boolean>;
  records(person: string | undefined): Promise<readonly TrainingRecord[]>;
  addRecord(record: TrainingRecord, createdAt: Instant): Promise<void>;
}
