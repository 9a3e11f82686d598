import { TrustClient, fromHex, siteTopic } from "@badgekey/shared";
import mqtt from "mqtt";

/** Many simulated agents in one process: a real connection and the real trust client each, no machine behind them. */
export interface TrustClientsOrder {
  readonly agents: readonly {
    readonly agent: string;
    readonly certificate: string;
    readonly key: string;
    readonly ca: string;
    readonly roots: readonly string[];
  }[];
  readonly site: string;
  readonly host: string;
  readonly port: number;
}

/** One per client and object that came into force; `at` is ms since the epoch, with fractions. */
export interface Applied {
  readonly kind: "applied";
  readonly agent: string;
  readonly name: string;
  readonly version: number;
  readonly at: number;
}

const monotonic = () => performance.now();

async function join(order: TrustClientsOrder, one: TrustClientsOrder["agents"][number]): Promise<void> {
  const site = fromHex(order.site);
  const [first, ...later] = one.roots.map(fromHex);
  const started = TrustClient.start(first as Uint8Array, { site, agent: one.agent, monotonicMs: monotonic() });
  if (!started.ok) throw new Error(`${one.agent}: ${started.code}`);
  const client = started.value;
  later.forEach((root, index) => client.offer(`root/${index + 2}`, root, monotonic()));
  const prefix = `${siteTopic(site)}/site/`;
  // mqtt.js hands what it does not know on to node:tls; its types do not say so.
  const options: mqtt.IClientOptions & { minVersion: string } = {
    protocol: "mqtts",
    host: order.host,
    port: order.port,
    clientId: one.agent,
    cert: one.certificate,
    key: one.key,
    ca: one.ca,
    keepalive: 60,
    clean: true,
    reconnectPeriod: 0,
    minVersion: "TLSv1.3",
  };
  const socket = await mqtt.connectAsync(options);
  socket.on("message", (topic, payload) => {
    const offer = client.offer(topic.slice(prefix.length), payload, monotonic());
    const at = performance.timeOrigin + performance.now();
    for (const { name } of offer.accepted) {
      process.send?.({
        kind: "applied",
        agent: one.agent,
        name,
        version: client.state.applied.get(name)?.version ?? 0,
        at,
      } satisfies Applied);
    }
  });
  socket.on("close", () => {
    console.error(`${one.agent}: the connection closed`);
    process.exit(1);
  });
  await socket.subscribeAsync(`${prefix}#`, { qos: 1 });
}

process.once("message", (order: TrustClientsOrder) => {
  void (async () => {
    for (let i = 0; i < order.agents.length; i += 10)
      await Promise.all(order.agents.slice(i, i + 10).map((one) => join(order, one)));
    process.send?.({ kind: "connected" });
  })();
});
