import type { IdentityContext } from "@ocelli/chassis";
import type { authV1 } from "@ocelli/contracts";
import { type AccountHandlerDependencies, createAccountHandlers } from "./account-handlers.ts";
import { createTokenHandlers, type TokenHandlerDependencies } from "./token-handlers.ts";

/** The gRPC face of AuthService. */
export function createAuthHandlers(
  dependencies: AccountHandlerDependencies & TokenHandlerDependencies,
): authV1.AuthServiceImplementation<IdentityContext> {
  return { ...createTokenHandlers(dependencies), ...createAccountHandlers(dependencies) };
}
