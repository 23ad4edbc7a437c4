import { AppError } from "@ocelli/chassis";
import type { libraryV1 } from "@ocelli/contracts";
import { Status } from "nice-grpc";
import type { Clients } from "../clients.ts";
import { callOptions, type GatewayContext } from "../context.ts";
import { problemHeaders, toProblem } from "../problem.ts";
import { endQuietly, streamBytes } from "../stream-bytes.ts";
import { required } from "../views/required.ts";
import { matchesEtag, parseRange, rangeStillHolds } from "./byte-range.ts";
import { inlineDisposition, safeFilename } from "./content-disposition.ts";

/** What is sent, and how. */
export interface BlobToSend {
  photoId: string;
  rendition: libraryV1.Rendition;
  /** Called when the media type is known; its extension need not be right. */
  filename: () => Promise<string>;
  cacheControl: string;
}

/** What sending stands on. */
export interface Senders {
  clients: Pick<Clients, "library">;
  config: { uploadTimeoutMs: number };
}

type Messages = AsyncIterator<libraryV1.DownloadPhotoResponse>;

// What the library accepts; anything else is handed over as bytes that no browser interprets.
const imageTypes: ReadonlySet<string> = new Set(
  ["jpeg", "png", "webp", "gif", "avif", "tiff", "heic", "heif"].map((type) => `image/${type}`),
);

/**
 * Answers with the bytes of a photo: 200, 206 for one range, 304 for a matching tag, 416 for a range beyond the end; HEAD
 * without a body. The client's pace is kept.
 */
export async function sendBlob(
  { clients, config }: Senders,
  c: GatewayContext,
  blob: BlobToSend,
): Promise<Response> {
  const stop = new AbortController();
  const options = callOptions(c, config.uploadTimeoutMs);
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const request = { photoId: blob.photoId, rendition: blob.rendition };
  const open = (offset: number, length: number) =>
    clients.library
      .downloadPhoto({ ...request, offset, length }, { ...options, signal })
      [Symbol.asyncIterator]();

  const wantsRange = c.req.method === "GET" && c.req.header("range") !== undefined;
  // Tag and size decide what a range means, so they are asked for first; without one, all comes in one call.
  const whole = open(0, wantsRange ? 1 : 0);
  const giveUp = () => {
    stop.abort();
    void endQuietly(whole);
  };
  const info = await readInfo(whole);
  const headers = toHeaders(info, safeFilename(await blob.filename(), info.mediaType), blob.cacheControl);
  if (matchesEtag(c.req.header("if-none-match"), info.etag)) {
    giveUp();
    headers.delete("content-length");
    return new Response(null, { status: 304, headers });
  }
  if (c.req.method === "HEAD") {
    giveUp();
    return new Response(null, { headers });
  }
  const send = (messages: Messages, status: 200 | 206) =>
    new Response(
      streamBytes(c, readChunks(messages), () => stop.abort()),
      { status, headers },
    );
  if (!wantsRange) return send(whole, 200);
  await whole.return?.();
  return sendRange(c, { info, headers, open, send });
}

interface RangeToSend {
  info: libraryV1.BlobInfo;
  headers: Headers;
  open(offset: number, length: number): Messages;
  send(messages: Messages, status: 200 | 206): Response;
}

async function sendRange(c: GatewayContext, { info, headers, open, send }: RangeToSend): Promise<Response> {
  const range = rangeStillHolds(c.req.header("if-range"), info.etag)
    ? parseRange(c.req.header("range"), info.sizeBytes)
    : undefined;
  if (range === "unsatisfiable") return refuseRange(c, info.sizeBytes);
  const length = range ? range.last - range.first + 1 : 0;
  const messages = open(range?.first ?? 0, length);
  if ((await readInfo(messages)).etag !== info.etag)
    throw incomplete("The bytes changed while they were sent.");
  if (!range) return send(messages, 200);
  headers.set("content-length", String(length));
  headers.set("content-range", `bytes ${range.first}-${range.last}/${info.sizeBytes}`);
  return send(messages, 206);
}

/** All bytes of a photo's rendition, for work on them. @throws Error beyond `maxBytes`. */
export async function fetchBlob(
  { clients, config }: Senders,
  c: GatewayContext,
  blob: Pick<BlobToSend, "photoId" | "rendition">,
  maxBytes: number,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const messages = clients.library.downloadPhoto(blob, callOptions(c, config.uploadTimeoutMs));
  for await (const { part } of messages) {
    if (part?.$case !== "chunk") continue;
    size += part.value.byteLength;
    if (size > maxBytes) throw new Error("a rendition is larger than renditions are");
    chunks.push(part.value);
  }
  return Buffer.concat(chunks, size);
}

function refuseRange(c: GatewayContext, size: number): Response {
  const error = new AppError({
    code: Status.OUT_OF_RANGE,
    reason: "RANGE_NOT_SATISFIABLE",
    message: `There are only ${size} bytes.`,
  });
  const headers = { ...problemHeaders(error), "content-range": `bytes */${size}` };
  return new Response(JSON.stringify(toProblem(error, c.get("traceId"))), { status: 416, headers });
}

async function readInfo(messages: Messages): Promise<libraryV1.BlobInfo> {
  const first = await messages.next();
  const part = first.done ? undefined : first.value.part;
  if (part?.$case === "info") return part.value;
  return required<libraryV1.BlobInfo>(undefined, "info");
}

async function* readChunks(messages: Messages): AsyncGenerator<Uint8Array> {
  for (let message = await messages.next(); !message.done; message = await messages.next()) {
    if (message.value.part?.$case !== "chunk") throw incomplete("A chunk was expected.");
    yield message.value.part.value;
  }
}

function incomplete(message: string): AppError {
  return new AppError({ code: Status.INTERNAL, reason: "INCOMPLETE_ANSWER", message });
}

function toHeaders(info: libraryV1.BlobInfo, filename: string, cacheControl: string): Headers {
  return new Headers({
    "content-type": imageTypes.has(info.mediaType) ? info.mediaType : "application/octet-stream",
    "content-length": String(info.sizeBytes),
    "accept-ranges": "bytes",
    etag: `"${info.etag}"`,
    "cache-control": cacheControl,
    "content-disposition": inlineDisposition(filename),
    ...blobProtection,
  });
}

/** Headers of every answer that is somebody's picture: a file that a browser takes for a page can do nothing. */
export const blobProtection = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox",
  "cross-origin-resource-policy": "same-site",
} as const;
