import { AppError } from "@ocelli/chassis";
import { Server } from "@tus/server";
import { callOptions, type GatewayContext } from "../context.ts";
import { continueBody } from "../expect-continue.ts";
import type { RouteDeps } from "../routes/shared.ts";
import { toTusError } from "./tus-errors.ts";
import { UploadStore } from "./upload-store.ts";

/** Where uploads are found. */
export const uploadsPath = "/api/v1/uploads";
/** Header that names the photo an upload became. */
export const photoIdHeader = "Ocelli-Photo-Id";

/**
 * Answers one request of the tus protocol, version 1.0.0. The protocol itself is the library's; what it stores goes to
 * the library service, by a store made for this request alone.
 * @throws AppError of the library service, or what the protocol library refuses.
 */
export async function answerTus(
  { clients, config }: Pick<RouteDeps, "clients" | "config">,
  c: GatewayContext,
  uploadId?: string,
): Promise<Response> {
  continueBody(c);
  // A client that leaves ends its bytes, not the call that stores them.
  const { signal: _left, ...call } = callOptions(c, config.uploadTimeoutMs + 1_000);
  const store = new UploadStore({ uploads: clients.uploads, call });
  let thrown: unknown;
  const server = new Server({
    path: uploadsPath,
    datastore: store,
    maxSize: config.maxUploadBytes,
    relativeLocation: true,
    getFileIdFromRequest: () => uploadId,
    async onUploadFinish(_request, upload) {
      return { headers: { [photoIdHeader]: await store.finish(upload.id) } };
    },
    onResponseError(_request, error) {
      thrown = error;
      return undefined;
    },
  });
  const answer = await server.handleWeb(c.req.raw);
  if (answer.status >= 400) throw thrown instanceof AppError ? thrown : await toError(answer, thrown);
  return withOwnHeaders(answer, store.photoId);
}

async function toError(answer: Response, thrown: unknown): Promise<unknown> {
  // A call that failed carries its status; what the protocol library refuses is no error object.
  if (thrown instanceof Error) return thrown;
  return toTusError(answer.status, await answer.text());
}

/** Which pages may read answers is decided for all routes alike, elsewhere. */
function withOwnHeaders(answer: Response, photoId: string): Response {
  const headers = new Headers(answer.headers);
  for (const name of [...headers.keys()]) if (name.startsWith("access-control-")) headers.delete(name);
  if (photoId !== "") headers.set(photoIdHeader, photoId);
  headers.set("cache-control", "no-store");
  return new Response(answer.body, { status: answer.status, headers });
}
