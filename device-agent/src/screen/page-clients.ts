import type { ServerResponse } from "node:http";
import type { MonotonicClock } from "../ports.js";

interface Client {
  readonly response: ServerResponse;
  readonly sinceMs: number;
  /** Since when it takes nothing any more. */
  fullSinceMs?: number | undefined;
  /** It missed something while it was full. */
  isBehind: boolean;
}

/** One display, a few tablets, somebody's second window. */
const MOST_CLIENTS = 32;
/** A display that takes nothing for so long is none. */
const MOST_FULL_MS = 10_000;
/**
 * The kernel takes long to tell of a reader that hangs: every stream ends now and then, and the page comes back by
 * itself.
 */
const MOST_AGE_MS = 300_000;

/**
 * The open event streams. What is sent to a client that does not read is never queued: it gets the newest state once it
 * reads again, or is dropped. So memory stays within one state a client, whoever hangs.
 */
export class PageClients {
  readonly #clock: MonotonicClock;
  readonly #current: () => string;
  readonly #clients = new Set<Client>();

  /** `current` is the event that tells all there is to show. */
  constructor(clock: MonotonicClock, current: () => string) {
    this.#clock = clock;
    this.#current = current;
  }

  get size(): number {
    return this.#clients.size;
  }

  /** Takes an answered request as a stream; the oldest one makes room. */
  add(response: ServerResponse): void {
    const [oldest] = this.#clients;
    if (oldest && this.#clients.size >= MOST_CLIENTS) this.#drop(oldest);
    const client: Client = { response, sinceMs: this.#clock.nowMs(), isBehind: false };
    this.#clients.add(client);
    response.on("drain", () => {
      client.fullSinceMs = undefined;
      if (!client.isBehind) return;
      client.isBehind = false;
      this.#send(client, this.#current());
    });
    // A client that goes away in the middle of a write is gone, nothing more.
    response.on("error", () => this.#clients.delete(client));
    response.on("close", () => this.#clients.delete(client));
    this.#send(client, this.#current());
  }

  /** What is to be shown has changed. */
  tellAll(): void {
    const text = this.#current();
    for (const client of this.#clients) {
      if (client.fullSinceMs === undefined) this.#send(client, text);
      else client.isBehind = true;
    }
  }

  /** Tells those who listen that all still holds, and lets go of those who do not. */
  beat(text: string): void {
    const nowMs = this.#clock.nowMs();
    for (const client of this.#clients) {
      if (client.fullSinceMs !== undefined) {
        if (nowMs - client.fullSinceMs > MOST_FULL_MS) this.#drop(client);
      } else if (nowMs - client.sinceMs > MOST_AGE_MS) this.#end(client);
      else this.#send(client, text);
    }
  }

  dropAll(): void {
    for (const client of this.#clients) this.#drop(client);
  }

  #send(client: Client, text: string): void {
    if (!client.response.write(text)) client.fullSinceMs ??= this.#clock.nowMs();
  }

  /** In good order: a page that reads has lost nothing, and its browser no error to tell. */
  #end(client: Client): void {
    this.#clients.delete(client);
    client.response.end();
  }

  #drop(client: Client): void {
    this.#clients.delete(client);
    client.response.destroy();
  }
}
