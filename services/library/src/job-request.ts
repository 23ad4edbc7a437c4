import { invalidArgument } from "@ocelli/chassis";
import { stages as stageTree } from "@ocelli/contracts";
import { z } from "zod";

/** A job as a client asks for it. */
export interface JobRequest {
  photoIds: readonly string[];
  /** All of the owner's photos of an album instead; empty for none. */
  albumId: string;
  /** Empty for all. */
  stages: readonly string[];
  /** UUID chosen by the client; undefined or empty when it gave none. */
  requestId?: string | undefined;
  kind: string;
  onlyMissing: boolean;
  refused: readonly { filename: string; error: string }[];
}

/** Photos that a job may name. */
export const maxJobPhotos = 10_000;
const maxRefused = 1_000;
const maxText = 500;
const names = stageTree.map(({ name }) => name);

const id = z.uuid("must be a UUID").toLowerCase();
// What the gateway says of refused files is shown as it is; only its length is bounded.
const shortened = z.string().transform((text) => text.slice(0, maxText));

const requestSchema = z
  .object({
    photoIds: z.array(id).max(maxJobPhotos, `must name at most ${maxJobPhotos} photos`),
    albumId: z.union([z.literal(""), id]),
    stages: z
      .array(z.enum(names, `must be among ${names.join(", ")}`))
      .max(names.length, "must name each stage once")
      // In tree order, each once.
      .transform((some) => names.filter((name) => some.length === 0 || some.includes(name))),
    requestId: z.union([z.literal(""), id]).optional(),
    kind: z.enum(["", "analysis", "detection"], "must be analysis or detection"),
    onlyMissing: z.boolean(),
    refused: z.array(z.object({ filename: shortened, error: shortened })).max(maxRefused),
  })
  .refine(({ photoIds, albumId }) => photoIds.length === 0 || albumId === "", {
    path: ["albumId"],
    message: "cannot be combined with photo_ids",
  })
  .refine(({ photoIds, albumId, refused }) => photoIds.length + refused.length > 0 || albumId !== "", {
    path: ["photoIds"],
    message: "must name at least one photo",
  });

/**
 * Checks what a client asks for.
 * @throws AppError INVALID_ARGUMENT/INVALID_JOB with the fields at fault.
 */
export function parseJobRequest(request: JobRequest): JobRequest {
  const parsed = requestSchema.safeParse(request);
  if (parsed.success) {
    const { requestId, kind, ...rest } = parsed.data;
    return { ...rest, kind: kind || "analysis", requestId: requestId || undefined };
  }
  // Ten are enough to see what is wrong with ten thousand.
  const violations = parsed.error.issues.slice(0, 10).map(({ path, message }) => ({
    field: path.map(snakeCase).join("."),
    description: message,
  }));
  throw invalidArgument("INVALID_JOB", "The job cannot be made as asked.", violations);
}

function snakeCase(part: PropertyKey): string {
  return String(part).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
