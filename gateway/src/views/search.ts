import { z } from "@hono/zod-openapi";
import type { searchV1 } from "@ocelli/contracts";

/** One photo found. */
export const hitSchema = z
  .object({
    photoId: z.string(),
    score: z.number().openapi({ description: "Relevance, 0..1." }),
    why: z
      .array(z.string())
      .openapi({ description: "Why it matches.", example: ["picture", "caption: cup"] }),
  })
  .openapi("SearchHit");

/** What of a query was taken for more than words. */
export const understandingSchema = z
  .object({
    kind: z.string().openapi({ example: "date" }),
    text: z.string().openapi({ example: "last summer" }),
    meaning: z.string().openapi({ example: "2026-06-01/2026-09-01" }),
  })
  .openapi("Understanding");

/** A hit as clients see it. */
export function toHitView({ photoId, score, why }: searchV1.SearchHit): z.infer<typeof hitSchema> {
  return { photoId, score, why };
}
