export { type Gateway, type GatewayAddresses, type GatewayDeps, buildGateway } from "./gateway.js";
export { ConfigError, type GatewayConfig, checkConfig, loadConfig } from "./config.js";
