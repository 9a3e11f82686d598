import { Aedes, type Client, type PublishPacket } from "aedes";

/** What aedes calls after a packet went its way. */
type Published = (error?: Error) => void;

/**
 * aedes whose agents' publishes end at the gateway: nothing an agent sends is ever handed to a subscriber, whatever the
 * topic.
 *
 * aedes answers a QoS 1 publish in this order: `authorizePublish`, PUBACK, `broker.publish(packet, client, done)`. The
 * gateway therefore takes the payload in `authorizePublish` and calls back once it is committed; the fan-out that
 * follows the PUBACK is this method, and it is left out. That is cheaper than a topic nobody subscribes (aedes would
 * still copy the packet, ask the persistence for offline subscribers and match the topic) and it is the only method
 * through which aedes forwards what a client sends: publishes, wills and released QoS 2 messages alike. What the
 * broker and the gateway themselves publish comes without a client.
 */
export class AgentAedes extends Aedes {
  override publish(packet: PublishPacket, origin: Client | Published | null, done?: Published): void {
    if (typeof origin === "function") {
      super.publish(packet, origin);
      return;
    }
    if (origin === null) {
      super.publish(packet, done ?? ignore);
      return;
    }
    done?.();
  }
}

function ignore(): void {
  // The caller did not ask for the outcome.
}
