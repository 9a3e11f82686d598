import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Server } from "node:http";
import type { BaseLogger } from "pino";
import type { MonotonicClock, Scheduler, Screen, ScreenAction, ScreenView } from "../ports.js";
import type { Messages } from "./messages/messages.js";
import { PageClients } from "./page-clients.js";
import { type PageFiles, readPageFiles } from "./page-files.js";
import { pageServer, portOf } from "./page-server.js";
import { indexWith, pageSetup, pageView } from "./page-state.js";

export interface PageScreenOptions {
  /** On 127.0.0.1; 0 chooses one. */
  readonly port: number;
  /** The screen's own language first. */
  readonly languages: readonly [Messages, ...Messages[]];
  /** The one that the views' instants are of. */
  readonly clock: MonotonicClock;
  readonly scheduler: Scheduler;
  readonly log: Pick<BaseLogger, "info" | "warn">;
}

export interface PageScreen extends Screen {
  /** Where it is; 0 as long as it does not listen. */
  readonly port: number;
  /** Open event streams. */
  readonly clients: number;
}

const BEAT_MS = 1_500;
/** A loop that has confirmed nothing for so long is not vouched for: the page then says that the connection is gone. */
const CONFIRMED_MS = 2_000;
const RETRY_MS = 5_000;
/** Between two wishes of one kind: a finger that trembles, or a page that floods. */
const BETWEEN = { endPressed: 1_000, problemReported: 10_000 } as const satisfies Record<ScreenAction["kind"], number>;

/**
 * The machine's screen as a page on loopback, for a browser in kiosk mode. A port that is taken is tried again; nothing
 * that happens here reaches the loop but the two wishes that people have at it.
 */
export async function pageScreen(options: PageScreenOptions): Promise<PageScreen> {
  const screen = new ServedScreen(options, await readPageFiles());
  await screen.listen();
  return screen;
}

class ServedScreen implements PageScreen {
  readonly languages: readonly [Messages, ...Messages[]];
  readonly #options: PageScreenOptions;
  readonly #server: Server;
  readonly #clients: PageClients;
  readonly #lastMs = new Map<ScreenAction["kind"], number>();
  #views: readonly ScreenView[] = [];
  #event = ":\n\n";
  #confirmedMs = Number.NEGATIVE_INFINITY;
  #onAction: ((action: ScreenAction) => void) | undefined;
  #cancelBeat: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #onListened: () => void = () => undefined;
  #hasFailed = false;
  #isClosed = false;

  constructor(options: PageScreenOptions, files: PageFiles) {
    this.#options = options;
    this.languages = options.languages;
    this.#clients = new PageClients(options.clock, () => `${this.#event}${this.#beat()}`);
    const token = randomBytes(16).toString("base64url");
    this.#server = pageServer({
      files,
      clients: this.#clients,
      token,
      index: indexWith(files.index, pageSetup(token, options.languages)),
      onAction: (action) => this.#take(action),
    });
    this.#server.on("error", (error) => this.#retry(error));
    this.#server.on("listening", () => this.#listening());
    this.#scheduleBeat();
  }

  get port(): number {
    return portOf(this.#server);
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Resolves when it listens, or has found that it cannot yet. */
  listen(): Promise<void> {
    return new Promise((resolve) => {
      this.#onListened = resolve;
      this.#server.listen({ port: this.#options.port, host: "127.0.0.1" });
    });
  }

  start(onAction: (action: ScreenAction) => void): void {
    this.#onAction = onAction;
  }

  show(view: ScreenView, others: readonly ScreenView[] = []): void {
    this.#views = [view, ...others];
    const views = this.#views.flatMap((one, place) => {
      const messages = this.languages[place];
      return messages ? [pageView(one, messages)] : [];
    });
    this.#event = `event: views\ndata: ${JSON.stringify(views)}\n\n`;
    this.confirm();
    this.#clients.tellAll();
  }

  confirm(): void {
    this.#confirmedMs = this.#options.clock.nowMs();
  }

  decided(): void {
    // What a decision took is for benches; people read what it came to.
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelBeat?.();
    this.#cancelRetry?.();
    this.#clients.dropAll();
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** The remaining time, for as long as somebody vouches for what is shown. */
  #beat(): string {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs - this.#confirmedMs > CONFIRMED_MS) return "";
    const untilMs = this.#views[0]?.untilMs;
    const leftMs = untilMs === undefined ? null : Math.max(0, Math.round(untilMs - nowMs));
    return `event: beat\ndata: ${JSON.stringify({ leftMs })}\n\n`;
  }

  #scheduleBeat(): void {
    this.#cancelBeat = this.#options.scheduler.after(BEAT_MS, () => {
      const beat = this.#beat();
      // A comment keeps the stream open and confirms nothing.
      this.#clients.beat(beat === "" ? ":\n\n" : beat);
      this.#scheduleBeat();
    });
  }

  #take(action: ScreenAction): "done" | "refused" | "tooSoon" {
    const wish = this.#wishOf(action);
    if (!wish || !this.#onAction) return "refused";
    const nowMs = this.#options.clock.nowMs();
    const lastMs = this.#lastMs.get(wish.kind) ?? Number.NEGATIVE_INFINITY;
    if (nowMs - lastMs < BETWEEN[wish.kind]) return "tooSoon";
    this.#lastMs.set(wish.kind, nowMs);
    this.#onAction(wish);
    return "done";
  }

  /**
   * Only what is offered now can be wished; a reason goes out in the screen's own language, whichever it was read in.
   */
  #wishOf(action: ScreenAction): ScreenAction | undefined {
    const [own] = this.#views;
    if (action.kind === "endPressed") return own?.canEnd ? action : undefined;
    for (const { problems = [] } of this.#views) {
      const reason = own?.problems?.[problems.indexOf(action.reason)];
      if (reason !== undefined) return { kind: "problemReported", reason };
    }
    return undefined;
  }

  #listening(): void {
    this.#options.log.info({ url: `http://127.0.0.1:${this.port}/` }, "the screen's page is served");
    this.#hasFailed = false;
    this.#onListened();
  }

  #retry(error: Error): void {
    const { log, port, scheduler } = this.#options;
    if (!this.#hasFailed) {
      log.warn({ err: error, port }, "the screen's page cannot be served; the machine works, and it is tried again");
    }
    this.#hasFailed = true;
    this.#onListened();
    if (this.#isClosed) return;
    this.#cancelRetry = scheduler.after(RETRY_MS, () => void this.listen());
  }
}
