import { type AppError, alreadyExists, type FieldViolation, invalidArgument } from "@ocelli/chassis";
import { z } from "zod";
import { emailAddress } from "./email-address.ts";
import { displayName } from "./names.ts";
import { passwordFault } from "./password-policy.ts";

const accountDetails = z.object({ email: emailAddress, name: displayName });

/** Address and name of an account to create. */
export type AccountDetails = z.output<typeof accountDetails>;

/** @throws AppError INVALID_ARGUMENT/INVALID_ACCOUNT with every field at fault. */
export async function parseAccount(request: {
  email: string;
  name: string;
  password?: string | undefined;
}): Promise<AccountDetails> {
  const parsed = accountDetails.safeParse(request);
  const { email, name, password } = request;
  const fault = password === undefined ? undefined : await passwordFault(password, { email, name });
  const violations = fault === undefined ? [] : [{ field: "password", description: fault }];
  if (!parsed.success) throw invalidAccount(parsed.error, violations);
  if (violations.length > 0) throw invalidDetails(violations);
  return parsed.data;
}

/** INVALID_ARGUMENT/INVALID_ACCOUNT with every field at fault. */
export function invalidAccount({ issues }: z.ZodError, more: FieldViolation[] = []): AppError {
  const violations = issues.map((issue) => ({ field: issue.path.join("."), description: issue.message }));
  return invalidDetails([...violations, ...more]);
}

/** ALREADY_EXISTS/EMAIL_TAKEN. */
export function emailTaken(): AppError {
  return alreadyExists("EMAIL_TAKEN", "This e-mail address has an account already.");
}

function invalidDetails(violations: FieldViolation[]): AppError {
  return invalidArgument("INVALID_ACCOUNT", "The account's details are not valid.", violations);
}
