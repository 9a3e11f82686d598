import type { Journal, OpenedJournal, Uplink } from "../ports.js";
import { type OutboxOptions, createOutbox } from "./outbox.js";

export interface UsagePump {
  /** The journal as before; what is appended is also offered to the gateway. */
  readonly opened: OpenedJournal;
  /** The uplink as before; usage records travel over it by themselves. */
  readonly uplink: Uplink;
}

/** Puts an outbox between journal and uplink, so that whoever uses them need not know of it. */
export function pumpUsage(opened: OpenedJournal, pipe: Uplink, options: Pick<OutboxOptions, "log">): UsagePump {
  const { journal } = opened;
  const outbox = createOutbox({ journal, uplink: pipe, ...options });
  const watched: Journal = {
    async append(bodies, marks) {
      const head = await journal.append(bodies, marks);
      if (bodies.length > 0) outbox.rowsWritten();
      return head;
    },
    rowsAfter: (after, limit) => journal.rowsAfter(after, limit),
    acknowledge: (upTo, chain) => journal.acknowledge(upTo, chain),
    pendingCount: () => journal.pendingCount(),
    watch: (onEvent) => journal.watch(onEvent),
    async close() {
      await outbox.close();
      await journal.close();
    },
  };
  const uplink: Uplink = {
    get connected() {
      return pipe.connected;
    },
    start(handlers) {
      pipe.start({
        ...handlers,
        onConnected() {
          handlers.onConnected();
          outbox.onConnected();
        },
        onDisconnected(reason) {
          outbox.onDisconnected();
          handlers.onDisconnected(reason);
        },
      });
    },
    publish: (topic, payload) => pipe.publish(topic, payload),
    close: () => pipe.close(),
  };
  return { opened: { ...opened, journal: watched }, uplink };
}
