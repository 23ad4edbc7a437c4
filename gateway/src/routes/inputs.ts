import { z } from "@hono/zod-openapi";
import { scopes } from "@ocelli/contracts";

// Lengths only bound the input: the auth service judges addresses, passwords and names.

/** Text of at most `max` characters that every store and protocol on the way can carry. */
export function text(max: number) {
  return (
    z
      .string()
      .max(max)
      // Half a surrogate pair would silently become another character on its way.
      .refine((value) => value.isWellFormed(), "must be well-formed Unicode")
      // PostgreSQL has no NUL in text.
      .refine((value) => !value.includes("\0"), "must not contain NUL")
  );
}

/** An e-mail address. */
export const email = text(320).openapi({ example: "ada@example.org" });

/** A password to check. */
export const password = text(1024);

/** A password to set. */
export const newPassword = text(1024).openapi({
  description: "8 to 128 characters, not a common password.",
  example: "correct horse battery staple",
});

/** A display name. */
export const name = text(1024).openapi({ description: "1 to 100 characters.", example: "Ada" });

/** A code of the second factor. */
export const code = text(64).openapi({
  description: "Six digits of the authenticator, or a recovery code.",
  example: "492039",
});

/** A token that came by mail or with a session. */
export const opaqueToken = text(1024).min(1);

/** A path on this origin. */
export const localPath = z
  .string()
  .max(500)
  // Not what a browser would read as another origin: `//host`, a backslash for a slash, tabs and line breaks.
  .regex(/^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/, "must be a path on this origin, such as /")
  .openapi({ description: "Path on this origin.", example: "/" });

/** A role. */
export const role = z.enum(["user", "admin"]);

/** The scopes of a key or service account. */
export const scopeList = z
  .array(z.enum(scopes))
  .min(1)
  .max(scopes.length)
  .refine((list) => new Set(list).size === list.length, "must not repeat a scope")
  .openapi({ example: ["photos:read", "search"] });

/** An id in a body or a query. */
export const id = z.uuid().toLowerCase();

/** A moment, e.g. `2026-01-02T03:04:05Z`; becomes a `Date`. */
export const moment = z
  .string()
  .max(40)
  .pipe(z.iso.datetime({ offset: true }))
  .transform((value) => new Date(value))
  .openapi({ type: "string", format: "date-time", example: "2027-01-01T00:00:00Z" });
