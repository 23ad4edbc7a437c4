import { Secret } from "@ocelli/chassis";
import { z } from "zod";

/** A service that may ask for its own access token. */
export interface ServiceAccount {
  name: string;
  secret: Secret;
}

// The name is what verifiers accept after `service:` in a subject.
const accountPattern = /^([a-z][a-z0-9-]{0,39}):([^\s,]{16,200})$/;
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
