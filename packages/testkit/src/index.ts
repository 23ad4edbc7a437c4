export { startEmbeddedDatabase } from "@ocelli/embedded-database";
export * from "./free-port.ts";
export * from "./identities.ts";
export * from "./mail-server.ts";
export * from "./native-postgres.ts";
export * from "./nats-server.ts";
export * from "./oidc-provider.ts";
export * from "./owned-rows.ts";
export * from "./unimplemented.ts";
