import { notFound } from "@ocelli/chassis";
import { callOptions, type GatewayContext } from "../context.ts";
import { matchesEtag } from "../downloads/byte-range.ts";
import { blobProtection } from "../downloads/send-blob.ts";
import type { RouteDeps } from "./shared.ts";

/** What a route that answers with a cut-out says of its content. */
export const image = { "image/jpeg": { schema: { type: "string" as const, format: "binary" } } };

/**
 * Answers with the cut-out of a face.
 * @throws AppError CROP_NOT_FOUND, also for an empty id; FACE_NOT_FOUND.
 */
export async function sendCrop(
  { clients }: Pick<RouteDeps, "clients">,
  c: GatewayContext,
  faceId: string,
): Promise<Response> {
  if (faceId === "") throw notFound("CROP_NOT_FOUND", "There is no cut-out of this face.");
  const { jpeg, etag } = await clients.people.getFaceCrop({ faceId }, callOptions(c));
  const headers = {
    "content-type": "image/jpeg",
    etag: `"${etag}"`,
    // Asked for again each time: what was erased is not to be seen any longer.
    "cache-control": "private, no-cache",
    "content-disposition": `inline; filename="${faceId}.jpg"`,
    ...blobProtection,
  };
  if (matchesEtag(c.req.header("if-none-match"), etag)) return new Response(null, { status: 304, headers });
  const body = c.req.method === "HEAD" ? null : new Uint8Array(jpeg);
  return new Response(body, { headers: { ...headers, "content-length": String(jpeg.byteLength) } });
}
