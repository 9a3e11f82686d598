/** Bounds of the broker. Every one has a default (`defaultBrokerLimits`); durations in ms, sizes in bytes. */
export interface BrokerLimits {
  /** From the TCP connection to the end of the TLS handshake. */
  readonly handshakeTimeoutMs: number;
  /** From the end of the handshake to the whole CONNECT packet. */
  readonly connectTimeoutMs: number;
  /** A subscriber that takes nothing for so long is dropped. */
  readonly drainTimeoutMs: number;
  /** Keep-alive an agent must announce at most; none at all is refused too. */
  readonly maxKeepaliveMs: number;
  /** Size of a packet, header included, once the agent is admitted. */
  readonly maxPacketBytes: number;
  /** Size of a packet before that. */
  readonly maxPacketBytesBeforeConnect: number;
  /** Of one agent: what is read but not yet committed and acknowledged, before it is read no further. */
  readonly maxInFlightBytes: number;
  /** Connections at a time, in the handshake or beyond. */
  readonly maxConnections: number;
  /** The same from one address; several agents can run on one Pi, and a campus may hide many behind one address. */
  readonly maxConnectionsPerAddress: number;
  /** Different topic filters one connection may hold. */
  readonly maxSubscriptions: number;
}

export const defaultBrokerLimits: BrokerLimits = {
  handshakeTimeoutMs: 10_000,
  connectTimeoutMs: 10_000,
  drainTimeoutMs: 15_000,
  maxKeepaliveMs: 120_000,
  maxPacketBytes: 64 * 1_024,
  maxPacketBytesBeforeConnect: 4 * 1_024,
  maxInFlightBytes: 256 * 1_024,
  maxConnections: 1_024,
  maxConnectionsPerAddress: 256,
  maxSubscriptions: 32,
};
