export { startEmbeddedDatabase } from "@ocelli/embedded-database";
export * from "./free-port.ts";
export * from "./native-postgres.ts";
export * from "./nats-server.ts";
