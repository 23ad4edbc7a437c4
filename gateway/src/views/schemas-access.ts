import { z } from "@hono/zod-openapi";
import { scopes } from "@ocelli/contracts";

/** One scope. */
export const scopeSchema = z.enum(scopes).openapi("Scope", {
  description: "What a token may be used for; `admin` only for administrators.",
});

/** An API key without its secret. */
export const apiKeySchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    prefix: z
      .string()
      .openapi({ description: "The first characters of the key.", example: "ocelli_ak_3xQz9aB2" }),
    scopes: z.array(z.string()),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().nullable().openapi({ description: "`null` for never." }),
    lastUsedAt: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "To within some minutes; `null` for never." }),
  })
  .openapi("ApiKey");

/** An API key just made. */
export const createdApiKeySchema = apiKeySchema
  .extend({ secret: z.string().openapi({ description: "The value of `X-API-Key`; shown this once." }) })
  .openapi("CreatedApiKey");

/** A service account without its secret. */
export const serviceAccountSchema = z
  .object({
    id: z.uuid(),
    name: z.string().openapi({ description: "`client_id` of its credentials.", example: "photo-frame" }),
    scopes: z.array(z.string()),
    userId: z.uuid().nullable().openapi({ description: "The one user it acts for; `null` for any." }),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "To within some minutes; `null` for never." }),
  })
  .openapi("ServiceAccount");

/** A service account just made. */
export const createdServiceAccountSchema = serviceAccountSchema
  .extend({ secret: z.string().openapi({ description: "`client_secret`; shown this once." }) })
  .openapi("CreatedServiceAccount");

/** One thing that happened. */
export const auditEntrySchema = z
  .object({
    id: z.uuid(),
    at: z.iso.datetime(),
    actor: z.string().openapi({
      description: "A user's id, `service:<name>`, `operator` for the command line, or empty for a stranger.",
    }),
    action: z.string().openapi({ example: "session.opened" }),
    userId: z.uuid().nullable().openapi({ description: "Account it was done to." }),
    targetId: z.string().nullable().openapi({ description: "Session, key or service account in question." }),
    outcome: z.enum(["success", "failure"]),
    reason: z.string().nullable().openapi({ description: "Why it failed, or what changed." }),
    address: z.string(),
    userAgent: z.string(),
  })
  .openapi("AuditEntry");

/** What a user's photos take. */
export const usageSchema = z
  .object({
    bytes: z.int(),
    photos: z.int(),
    maxBytes: z.int().openapi({ description: "Most bytes of originals; 0 for unlimited." }),
    maxPhotos: z.int().openapi({ description: "Most photos; 0 for unlimited." }),
  })
  .openapi("Usage");

/** An API key as clients see it. */
export type ApiKeyView = z.infer<typeof apiKeySchema>;
/** A service account as clients see it. */
export type ServiceAccountView = z.infer<typeof serviceAccountSchema>;
/** Something that happened as clients see it. */
export type AuditEntryView = z.infer<typeof auditEntrySchema>;
/** What photos take as clients see it. */
export type UsageView = z.infer<typeof usageSchema>;
