import { setTimeout as delay } from "node:timers/promises";
import type { AgentView, JobView, LiveEvent, LogView } from "@badgekey/shared";
import { type Api, ApiError, UnreachableError } from "../api/index.js";
import type { Changes } from "./changes.js";

/** What the gateway tells, kept up to date from its event stream; survives restarts of the gateway. */
export interface Live {
  /** Whether the stream is open now. */
  readonly connected: boolean;
  readonly agents: ReadonlyMap<string, AgentView>;
  readonly jobs: ReadonlyMap<string, JobView>;
  /** Newest first. */
  readonly rows: readonly LogView[];
  /** Ids of badges that changed, in order: whoever shows badges asks again. */
  readonly badgeChanges: number;
  close(): Promise<void>;
}

const MOST_ROWS = 300;
const RETRY_MS = 150;

export function followLive(api: Api, changes: Changes, onTrouble: (detail: string) => void): Live {
  const ending = new AbortController();
  const agents = new Map<string, AgentView>();
  const jobs = new Map<string, JobView>();
  let rows: readonly LogView[] = [];
  let connected = false;
  let badgeChanges = 0;

  const addRows = (more: readonly LogView[]) => {
    const known = new Map([...rows, ...more].map((row) => [`${row.agent}/${row.boot}/${row.sequence}`, row]));
    rows = [...known.values()].sort(newestFirst).slice(0, MOST_ROWS);
  };

  const followOnce = async () => {
    const attempt = new AbortController();
    const stream = api.events(AbortSignal.any([ending.signal, attempt.signal]));
    try {
      await takeStream(stream);
    } finally {
      attempt.abort();
    }
  };

  const takeStream = async (stream: AsyncGenerator<LiveEvent>) => {
    // The stream is opened first, so that nothing falls between it and the snapshot.
    const first = stream.next();
    // If the snapshot fails, that is what is told.
    first.catch(() => undefined);
    for (const agent of await api.agents()) agents.set(agent.id, agent);
    addRows((await api.log({ limit: 200 })).rows);
    connected = true;
    changes.changed();
    for (let item = await first; !item.done; item = await stream.next()) {
      const event = item.value;
      if (event.kind === "agent") agents.set(event.agent.id, event.agent);
      else if (event.kind === "job") jobs.set(event.job.id, event.job);
      else if (event.kind === "usage") addRows([event.row]);
      else badgeChanges += 1;
      changes.changed();
    }
  };

  const isEnding = () => ending.signal.aborted;
  const follow = async () => {
    while (!isEnding()) {
      try {
        await followOnce();
      } catch (error) {
        if (isEnding()) return;
        // A gateway that is away or going is what the demo shows; a gateway that says no is a defect.
        if (error instanceof ApiError) onTrouble(`the gateway's events: ${error.message}`);
        else if (!(error instanceof UnreachableError) && !(error instanceof TypeError)) throw error;
      }
      connected = false;
      for (const agent of agents.values()) agents.set(agent.id, { ...agent, connected: false });
      changes.changed();
      await delay(RETRY_MS, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  };
  const following = follow();

  return {
    agents,
    jobs,
    get rows() {
      return rows;
    },
    get connected() {
      return connected;
    },
    get badgeChanges() {
      return badgeChanges;
    },
    async close() {
      ending.abort();
      await following;
    },
  };
}

function newestFirst(a: LogView, b: LogView): number {
  return Date.parse(b.at) - Date.parse(a.at) || b.boot - a.boot || b.sequence - a.sequence;
}
