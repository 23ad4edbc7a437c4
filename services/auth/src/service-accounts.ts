import { createHash, timingSafeEqual } from "node:crypto";
import { Secret, unauthenticated } from "@ocelli/chassis";
import { z } from "zod";
import type { AccessTokens, IssuedAccessToken } from "./access-tokens.ts";

/** A service that may ask for its own access token. */
export interface ServiceAccount {
  name: string;
  secret: Secret;
}

// The name is what verifiers accept after `service:` in a subject.
const accountPattern = /^([a-z][a-z-]{0,40}):([^\s,]{16,200})$/;
const maxAccounts = 100;

/** Reads `name:secret,name:secret`. Its messages never quote the value. */
export const serviceAccountList: z.ZodType<ServiceAccount[], string> = z
  .string()
  .max(30_000, "is too long")
  .transform((text, context) => {
    const accounts: ServiceAccount[] = [];
    for (const [index, entry] of text.split(",").entries()) {
      const match = accountPattern.exec(entry.trim());
      if (match?.[1] && match[2]) accounts.push({ name: match[1], secret: new Secret(match[2]) });
      else context.addIssue(`entry ${index + 1} must be name:secret with a secret of 16 to 200 characters`);
    }
    if (new Set(accounts.map((account) => account.name)).size < accounts.length) {
      context.addIssue("must name every account once");
    }
    if (accounts.length > maxAccounts) context.addIssue(`must have at most ${maxAccounts} accounts`);
    return accounts;
  });

/** Client credentials of service accounts. */
export interface ServiceAccounts {
  /** @throws AppError UNAUTHENTICATED/INVALID_CREDENTIALS, alike for an unknown name and a wrong secret. */
  issueToken(credentials: { clientId: string; clientSecret: string }): Promise<IssuedAccessToken>;
}

/** Creates the service accounts of the settings. */
export function createServiceAccounts(options: {
  accounts: readonly ServiceAccount[];
  accessTokens: AccessTokens;
}): ServiceAccounts {
  const digests = new Map(options.accounts.map(({ name, secret }) => [name, digest(secret.reveal())]));
  const nobody = digest("");

  return {
    async issueToken({ clientId, clientSecret }) {
      const expected = digests.get(clientId);
      // Digests have one length, so that the comparison takes the same time whatever was sent.
      const matches = timingSafeEqual(digest(clientSecret), expected ?? nobody);
      if (!expected || !matches) {
        throw unauthenticated("INVALID_CREDENTIALS", "The service account or its secret is wrong.");
      }
      return options.accessTokens.forService(clientId);
    },
  };
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
