import { z } from "@hono/zod-openapi";

/** An account. */
export const userSchema = z
  .object({
    id: z.uuid(),
    email: z.string(),
    name: z.string(),
    role: z.string().openapi({ description: "`user` or `admin`." }),
    createdAt: z.iso.datetime(),
    emailVerified: z.boolean(),
    disabled: z.boolean().openapi({ description: "An administrator closed the account." }),
    twoFactorEnabled: z.boolean(),
    hasPassword: z.boolean().openapi({
      description: "False for an account that only logs in through the OpenID provider.",
    }),
  })
  .openapi("User");

/** Tokens of a session. */
export const tokensSchema = z
  .object({
    accessToken: z.string(),
    refreshToken: z.string(),
    tokenType: z.literal("Bearer"),
    expiresIn: z.int().openapi({ description: "Seconds until the access token expires." }),
  })
  .openapi("Tokens");

/** What a client that asked for cookies gets instead of tokens. */
export const cookieSessionSchema = z
  .object({
    csrfToken: z.string().openapi({
      description:
        "Send it as `X-CSRF-Token` with every request that changes something, until the next refresh.",
    }),
    expiresIn: z.int().openapi({ description: "Seconds until the session has to be refreshed." }),
  })
  .openapi("CookieSession");

/** One login of a user. */
export const sessionSchema = z
  .object({
    id: z.uuid(),
    current: z.boolean().openapi({ description: "Whether this request was made with it." }),
    method: z.string().openapi({ description: "`password`, `two-factor`, `oidc` or `operator`." }),
    address: z.string().openapi({ description: "Client address at the login, or at the last refresh." }),
    userAgent: z.string(),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().openapi({ description: "When it ends at the latest." }),
  })
  .openapi("Session");

/** How many sessions ended. */
export const revokedSessionsSchema = z.object({ revoked: z.int() }).openapi("RevokedSessions");

/** Whether logins ask for a second factor. */
export const twoFactorSchema = z
  .object({ enabled: z.boolean(), recoveryCodesLeft: z.int() })
  .openapi("TwoFactor");

/** A second factor that waits for its first code. */
export const enrolmentSchema = z
  .object({
    secret: z.string().openapi({ description: "Base32, for typing." }),
    otpauthUri: z.string().openapi({ description: "For a QR code.", example: "otpauth://totp/…" }),
  })
  .openapi("TwoFactorEnrolment");

/** Codes for the day the phone is lost. */
export const recoveryCodesSchema = z
  .object({
    recoveryCodes: z
      .array(z.string())
      .openapi({ description: "Shown this once; each works once, instead of a code." }),
  })
  .openapi("RecoveryCodes");

/** Where a browser has to go to log in at the provider. */
export const authorizationSchema = z.object({ authorizationUrl: z.string() }).openapi("OpenIdAuthorization");

/** An account of the provider that now belongs to the caller. */
export const linkedSchema = z.object({ linked: z.literal(true) }).openapi("OpenIdLinked");

/** An account of the provider that logs in to the caller's. */
export const identitySchema = z
  .object({
    id: z.string().openapi({ description: "Stable for the same account of the same provider." }),
    issuer: z.string().openapi({ description: "The provider." }),
    subject: z.string().openapi({ description: "What the provider calls the account." }),
    linkedAt: z.iso.datetime(),
  })
  .openapi("LinkedIdentity");

/** What a login page needs to know of the OpenID provider. */
export const oidcSchema = z
  .object({ enabled: z.boolean(), providerName: z.string() })
  .openapi("OpenIdProvider");

/** The tokens of a session as clients see it. */
export type TokensView = z.infer<typeof tokensSchema>;
/** An account as clients see it. */
export type UserView = z.infer<typeof userSchema>;
/** A linked identity as clients see it. */
export type IdentityView = z.infer<typeof identitySchema>;
/** A session as clients see it. */
export type SessionView = z.infer<typeof sessionSchema>;
