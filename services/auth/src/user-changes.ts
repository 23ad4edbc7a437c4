import { invalidArgument } from "@ocelli/chassis";
import { z } from "zod";
import { displayName } from "./names.ts";
import { invalidAccount } from "./new-account.ts";
import { codePoints } from "./passwords.ts";
import type { UserState } from "./store/user-admin.ts";

/** What to change of an account, as a client sends it; absent stays. */
export interface UserChanges {
  name?: string;
  role?: string;
  disabled?: boolean;
}

const maxQueryLength = 100;
const roleSchema = z.enum(["user", "admin"], "must be user or admin");
const changesSchema = z.object({
  name: displayName.optional(),
  role: roleSchema.optional(),
  disabled: z.boolean().optional(),
});

/** {@link UserChanges} that may be made. */
export type ParsedChanges = z.output<typeof changesSchema>;

/** @throws AppError INVALID_ARGUMENT/INVALID_ACCOUNT with the fields at fault. */
export function parseChanges(changes: UserChanges): ParsedChanges {
  const parsed = changesSchema.safeParse(changes);
  if (parsed.success) return parsed.data;
  throw invalidAccount(parsed.error);
}

/** Empty means `user`. @throws AppError INVALID_ARGUMENT/INVALID_ACCOUNT. */
export function parseRole(text: string): "user" | "admin" {
  const parsed = z.object({ role: roleSchema }).safeParse({ role: text === "" ? "user" : text });
  if (parsed.success) return parsed.data.role;
  throw invalidAccount(parsed.error);
}

/** @throws AppError INVALID_ARGUMENT/INVALID_QUERY. */
export function parseQuery(text: string): string {
  const query = text.trim();
  if (codePoints(query) <= maxQueryLength && !/\p{Cc}/u.test(query)) return query;
  throw invalidArgument("INVALID_QUERY", "The query is not valid.", [
    { field: "query", description: `must have at most ${maxQueryLength} characters, no control among them` },
  ]);
}

/** An account after changes. */
export function changed(before: UserState, changes: ParsedChanges, at: Date): UserState {
  const { name = before.name, role = before.role, disabled = before.disabledAt !== null } = changes;
  return { name, role, disabledAt: disabled ? (before.disabledAt ?? at) : null };
}
