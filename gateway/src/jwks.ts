import { z } from "zod";

const jwksSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

/** Reads a JSON Web Key Set; each key is checked when it is used. */
export function parseJwks(text: string): z.infer<typeof jwksSchema> {
  return jwksSchema.parse(JSON.parse(text));
}
