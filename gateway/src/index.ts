export { type Gateway, type GatewayAddresses, type GatewayDeps, buildGateway } from "./gateway.js";
export { ConfigError, type GatewayConfig, checkConfig, loadConfig } from "./config.js";
export { type Actor, authorize, type BrokerAction, type BrokerRequest, type Permission } from "./broker/authorize.js";
export {
  type Broker,
  type BrokerCounts,
  type BrokerOptions,
  type ConnectedAgent,
  type Publication,
  type QuarantinedPublish,
  startBroker,
} from "./broker/broker.js";
export { type BrokerLimits, defaultBrokerLimits } from "./broker/limits.js";
export { type BrokerLog, type BrokerTls, ListenError } from "./broker/tls-listener.js";
export {
  type AgentCertificate,
  CertificateRefusedError,
  createSiteCa,
  issueServerCertificate,
  type ServerCertificate,
  signAgentRequest,
  type SiteCa,
} from "./enrolment/site-ca.js";
