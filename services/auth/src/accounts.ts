import { alreadyExists, invalidArgument, type Relay, unauthenticated, withOutbox } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import { z } from "zod";
import { emailAddress } from "./email-address.ts";
import { emitUserCreated } from "./events.ts";
import { codePoints, type Passwords, passwordLength } from "./passwords.ts";
import type { AuthTables } from "./store/tables.ts";
import { emailExists, findCredentials, findUser, insertUser, type User } from "./store/users.ts";

/** Rules of accounts. */
export interface Accounts {
  /**
   * Creates an account; the first of all is an administrator.
   * @throws AppError INVALID_ARGUMENT/INVALID_ACCOUNT with the fields at fault, ALREADY_EXISTS/EMAIL_TAKEN,
   * RESOURCE_EXHAUSTED/TOO_MANY_LOGINS.
   */
  signUp(request: { email: string; password: string; name: string }, signal?: AbortSignal): Promise<User>;
  /**
   * The id of the account with this address and password.
   * @throws AppError UNAUTHENTICATED/INVALID_CREDENTIALS, alike and after the same work for an unknown address and a
   * wrong password; RESOURCE_EXHAUSTED/TOO_MANY_LOGINS.
   */
  authenticate(request: { email: string; password: string }, signal?: AbortSignal): Promise<string>;
  /** @throws AppError UNAUTHENTICATED/UNAUTHENTICATED when the account is gone. */
  get(userId: string): Promise<User>;
}

/** What {@link createAccounts} needs. */
export interface AccountsDependencies {
  db: Kysely<AuthTables>;
  relay: Pick<Relay, "kick">;
  passwords: Passwords;
  now: () => Date;
  newId: () => string;
}

const maxNameLength = 100;
// Control characters, line breaks, and those that reorder the text around a name.
const forbiddenInNames = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

const newAccount = z.object({
  email: emailAddress,
  password: z
    .string()
    .refine(
      (text) => codePoints(text) >= passwordLength.min,
      `must have at least ${passwordLength.min} characters`,
    )
    .refine(
      (text) => codePoints(text) <= passwordLength.max,
      `must have at most ${passwordLength.max} characters`,
    ),
  name: z
    .string()
    .trim()
    .refine((text) => text.length > 0, "must not be empty")
    .refine((text) => codePoints(text) <= maxNameLength, `must have at most ${maxNameLength} characters`)
    .refine((text) => !forbiddenInNames.test(text), "must not contain control characters"),
});

/** Creates the rules. */
export function createAccounts({ db, relay, passwords, now, newId }: AccountsDependencies): Accounts {
  return {
    async signUp(request, signal) {
      const { email, password, name } = parseNewAccount(request);
      // Asked before the costly hash; the unique index has the last word.
      if (await emailExists(db, email.canonical)) throw emailTaken();
      const passwordHash = await passwords.hash(password, signal);
      return withOutbox(db, relay, async (trx) => {
        const user = await insertUser(trx, {
          id: newId(),
          email: email.shown,
          emailCanonical: email.canonical,
          name,
          passwordHash,
          createdAt: now(),
        });
        if (!user) throw emailTaken();
        await emitUserCreated(trx, user.id);
        return user;
      });
    },

    async authenticate(request, signal) {
      const email = emailAddress.safeParse(request.email);
      const credentials = email.success ? await findCredentials(db, email.data.canonical) : undefined;
      const matches = await passwords.matches(request.password, credentials?.passwordHash, signal);
      if (!credentials || !matches) {
        throw unauthenticated("INVALID_CREDENTIALS", "The e-mail address or the password is wrong.");
      }
      return credentials.userId;
    },

    async get(userId) {
      const user = await findUser(db, userId);
      if (!user)
        throw unauthenticated("UNAUTHENTICATED", "The account of this token does not exist any more.");
      return user;
    },
  };
}

function parseNewAccount(request: unknown): z.output<typeof newAccount> {
  const parsed = newAccount.safeParse(request);
  if (parsed.success) return parsed.data;
  const violations = parsed.error.issues.map((issue) => ({
    field: issue.path.join("."),
    description: issue.message,
  }));
  throw invalidArgument("INVALID_ACCOUNT", "The account's details are not valid.", violations);
}

function emailTaken(): Error {
  return alreadyExists("EMAIL_TAKEN", "This e-mail address has an account already.");
}
