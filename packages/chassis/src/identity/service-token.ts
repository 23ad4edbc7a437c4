import type { Secret } from "../config/settings.ts";

/** Gives a service its own access token, renewed before it expires. */
export interface ServiceTokenSource {
  token(): Promise<string>;
}

/** Settings of {@link createServiceTokenSource}. */
export interface ServiceTokenOptions {
  clientId: string;
  clientSecret: Secret;
  /** Client-credentials call to the auth service. */
  issue: (request: {
    clientId: string;
    clientSecret: string;
  }) => Promise<{ accessToken: string; expiresIn: number }>;
  now: () => Date;
}

// Renewed this long before the end, so that a token never expires on its way.
const renewBeforeMs = 60_000;

/** Creates a source that asks the auth service at most once at a time. */
export function createServiceTokenSource(options: ServiceTokenOptions): ServiceTokenSource {
  let current: { token: string; renewAt: number } | undefined;
  let pending: Promise<string> | undefined;

  async function renew(): Promise<string> {
    const issued = await options.issue({
      clientId: options.clientId,
      clientSecret: options.clientSecret.reveal(),
    });
    const renewAt = options.now().getTime() + Math.max(issued.expiresIn * 1000 - renewBeforeMs, 1000);
    current = { token: issued.accessToken, renewAt };
    return issued.accessToken;
  }

  return {
    token() {
      if (current && options.now().getTime() < current.renewAt) return Promise.resolve(current.token);
      pending ??= renew().finally(() => {
        pending = undefined;
      });
      return pending;
    },
  };
}
