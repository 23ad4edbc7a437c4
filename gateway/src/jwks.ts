import { z } from "@hono/zod-openapi";

/** A JSON Web Key Set (RFC 7517); each key is checked when it is used. */
export const jwksSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) }).openapi("Jwks");

/** Reads a key set from the text that the auth service sends. */
export function parseJwks(text: string): z.infer<typeof jwksSchema> {
  return jwksSchema.parse(JSON.parse(text));
}
