export * from "./api-error.js";
export * from "./client.js";
export { type ServerSentEvent, readServerSentEvents } from "./sse.js";
export { type Transport, systemTransport, transportTrusting } from "./transport.js";
