import type { AgentTopic, GatewayTopic } from "@badgekey/shared";
import type { Uplink, UplinkHandlers } from "../ports.js";

export interface Published {
  readonly topic: AgentTopic;
  readonly payload: Uint8Array;
}

/** A pipe whose other end is the test. */
export class FakeUplink implements Uplink {
  readonly published: Published[] = [];
  #handlers: UplinkHandlers | undefined;
  #state: "apart" | "connected" | "closed" = "apart";
  #onPublished: (message: Published) => void = () => undefined;

  get connected(): boolean {
    return this.#state === "connected";
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  start(handlers: UplinkHandlers): void {
    this.#handlers = handlers;
  }

  publish(topic: AgentTopic, payload: Uint8Array): Promise<void> {
    if (!this.connected) return Promise.reject(new Error("not connected"));
    const message = { topic, payload };
    this.published.push(message);
    this.#onPublished(message);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#state = "closed";
    return Promise.resolve();
  }

  /** The gateway answers by itself from now on. */
  answer(onPublished: (message: Published) => void): void {
    this.#onPublished = onPublished;
  }

  connect(): void {
    this.#state = "connected";
    this.#handlers?.onConnected();
  }

  disconnect(reason = "the cable was pulled"): void {
    this.#state = "apart";
    this.#handlers?.onDisconnected(reason);
  }

  /** Delivers a retained object. */
  offer(name: string, bytes: Uint8Array): void {
    this.#handlers?.onObject(name, bytes);
  }

  /** Delivers a message on one of the agent's own topics. */
  deliver(topic: GatewayTopic, bytes: Uint8Array): void {
    this.#handlers?.onMessage(topic, bytes);
  }

  payloads(topic: AgentTopic): readonly Uint8Array[] {
    return this.published.filter((message) => message.topic === topic).map(({ payload }) => payload);
  }
}

export function fakeUplink(): FakeUplink {
  return new FakeUplink();
}
