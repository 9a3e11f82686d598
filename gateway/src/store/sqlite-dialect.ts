import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import type { StoreChannel } from "./store-channel.js";
import type { QueryOutcome, SqlValue } from "./store-engine.js";
import type { Turns } from "./turns.js";

/** kysely's SQLite dialect over the store's channel. `turns` keeps everybody else out while a transaction is open. */
export function sqliteDialect(channel: StoreChannel, turns: Turns): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createDriver: () => new ChannelDriver(channel, turns),
  };
}

class ChannelDriver implements Driver {
  readonly #connection: ChannelConnection;

  constructor(
    channel: StoreChannel,
    readonly turns: Turns,
  ) {
    this.#connection = new ChannelConnection(channel);
  }

  async init(): Promise<void> {
    // The channel is open already.
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    await this.turns.begin();
    return this.#connection;
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    // At once a writer: a reader that becomes one later could meet a lock it cannot wait for.
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("commit"));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("rollback"));
  }

  releaseConnection(): Promise<void> {
    this.turns.end();
    return Promise.resolve();
  }

  async destroy(): Promise<void> {
    // Whoever opened the channel closes it.
  }
}

class ChannelConnection implements DatabaseConnection {
  constructor(readonly channel: StoreChannel) {}

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const outcome = (await this.channel.ask({
      kind: "query",
      sql,
      parameters: parameters as readonly SqlValue[],
    })) as QueryOutcome;
    return {
      rows: outcome.rows as R[],
      ...(outcome.changes !== undefined && { numAffectedRows: BigInt(outcome.changes) }),
      ...(outcome.insertId !== undefined && { insertId: BigInt(outcome.insertId) }),
    };
  }

  streamQuery(): never {
    throw new Error("streaming is not offered: page by key instead");
  }
}
