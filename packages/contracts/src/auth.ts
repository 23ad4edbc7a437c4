// Everything of `ocelli.auth.v1`, which is spread over one proto file per noun.
export * from "./gen/ocelli/auth/v1/api_keys.ts";
export * from "./gen/ocelli/auth/v1/audit.ts";
export * from "./gen/ocelli/auth/v1/auth.ts";
// Every generated file has these under the same names; one set is enough.
export {
  type DeepPartial,
  type MessageFns,
  protobufFileName,
  protobufPackage,
} from "./gen/ocelli/auth/v1/auth.ts";
export * from "./gen/ocelli/auth/v1/oidc.ts";
export * from "./gen/ocelli/auth/v1/service_accounts.ts";
export * from "./gen/ocelli/auth/v1/two_factor.ts";
export * from "./gen/ocelli/auth/v1/users.ts";
