import type { Database } from "./database.js";
import { openDatabase } from "./database.js";
import { openLocalChannel } from "./store-channel.js";
import { type Stores, storesOver } from "./stores.js";

export interface TestStores extends Stores {
  readonly database: Database;
}

/** A database in memory, its stores over it; the same SQL as in a file, without a thread. */
export async function openTestStores(path = ":memory:"): Promise<TestStores> {
  const database = await openDatabase(openLocalChannel(path));
  return { ...storesOver(database.sql), database };
}
