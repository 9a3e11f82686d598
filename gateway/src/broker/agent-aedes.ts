import { Aedes, type Client, type PublishPacket } from "aedes";

/** What aedes calls after a packet went its way. */
type Published = (error?: Error) => void;

/**
 * aedes whose agents' publishes end at the gateway: nothing an agent sends is ever handed to a subscriber, whatever the
 * topic.
 *
 * aedes takes a publish through `authorizePublish`, PUBACK (at QoS 1) and `broker.publish(packet, client, done)`, and
 * reads the connection no further until all three are over. The gateway therefore takes the packet in
 * `authorizePublish`, lets aedes go on with it as one of QoS 0, and writes the PUBACK itself once the payload is
 * committed. The fan-out that would follow is this method, and it is left out: cheaper than a topic nobody subscribes
 * (aedes would still copy the packet and match the topic), and the only method through which aedes forwards what a
 * client sends, be it a publish, a will or a released QoS 2 message. What the broker and the gateway themselves publish
 * comes without a client.
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
