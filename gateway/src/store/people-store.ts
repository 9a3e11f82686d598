import type { Level } from "@badgekey/shared";
import { type Kysely, type Selectable, sql as raw } from "kysely";
import type { PeopleStore, Person, TrainingRecord, TrainingStore } from "../people/ports.js";
import type { Tables } from "./schema.js";

const MOST_PEOPLE = 500;

export function peopleStore(sql: Kysely<Tables>): PeopleStore & TrainingStore {
  return {
    async trainings() {
      const rows = await sql.selectFrom("trainings").selectAll().orderBy("number").execute();
      return rows.map(({ valid_days: validDays, ...rest }) => ({ ...rest, validDays }));
    },
    async addTraining({ validDays, ...rest }) {
      const row = { ...rest, valid_days: validDays };
      const { numInsertedOrUpdatedRows: added } = await sql
        .insertInto("trainings")
        .values(row)
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      return added === 1n;
    },
    async person(id) {
      const row = await sql.selectFrom("people").selectAll().where("id", "=", id).executeTakeFirst();
      return row && toPerson(row);
    },
    async people(search) {
      const pattern = `%${search.replace(/[\\%_]/g, "\\$&")}%`;
      const rows = await sql
        .selectFrom("people")
        .selectAll()
        .$if(search !== "", (query) =>
          query.where((or) =>
            or.or([
              or("id", "=", search),
              ...(["name", "email", "campus_id"] as const).map(
                (column) => raw<boolean>`${raw.ref(column)} LIKE ${pattern} ESCAPE '\\'`,
              ),
            ]),
          ),
        )
        .orderBy("name")
        .limit(MOST_PEOPLE)
        .execute();
      return rows.map(toPerson);
    },
    async names() {
      const rows = await sql.selectFrom("people").select(["id", "name"]).execute();
      return new Map(rows.map(({ id, name }) => [id, name]));
    },
    async countPeople() {
      const { people } = await sql
        .selectFrom("people")
        .select((count) => count.fn.countAll<number>().as("people"))
        .executeTakeFirstOrThrow();
      return people;
    },
    async addPerson({ id, name, email, campusId }, createdAt) {
      const { numInsertedOrUpdatedRows: added } = await sql
        .insertInto("people")
        .values({ id, name, email, campus_id: campusId, created_at: createdAt })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      return added === 1n;
    },
    async records(person) {
      const rows = await sql
        .selectFrom("training_records")
        .selectAll()
        .$if(person !== undefined, (query) => query.where("person", "=", person ?? ""))
        .orderBy("created_at")
        .execute();
      return rows.map(toRecord);
    },
    async addRecord({ heldOn, endsAt, ...rest }, createdAt) {
      const row = { ...rest, held_on: heldOn, ends_at: endsAt, created_at: createdAt };
      await sql.insertInto("training_records").values(row).execute();
    },
  };
}

function toPerson({ id, name, email, campus_id: campusId }: Selectable<Tables["people"]>): Person {
  return { id, name, email, campusId };
}

function toRecord(row: Selectable<Tables["training_records"]>): TrainingRecord {
  const { id, person, training, level, held_on: heldOn, ends_at: endsAt, trainer, evidence } = row;
  return { id, person, training, level: level as Level, heldOn, endsAt, trainer, evidence };
}
