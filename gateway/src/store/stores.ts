import type { Kysely } from "kysely";
import { badgeStore } from "./badge-store.js";
import { commandStore } from "./command-store.js";
import { enrolmentStore } from "./enrolment-store.js";
import { logStore } from "./log-store.js";
import { machineStore } from "./machine-store.js";
import { objectStore } from "./object-store.js";
import { peopleStore } from "./people-store.js";
import type { Tables } from "./schema.js";

export type Stores = ReturnType<typeof storesOver>;

/** Every port of the use cases over one database. */
export function storesOver(sql: Kysely<Tables>) {
  return {
    badges: badgeStore(sql),
    commands: commandStore(sql),
    enrolment: enrolmentStore(sql),
    log: logStore(sql),
    machines: machineStore(sql),
    objects: objectStore(sql),
    people: peopleStore(sql),
  };
}
