import type { IncomingMessage } from "node:http";
import { Busboy, type BusboyFileStream, type BusboyInstance } from "@fastify/busboy";
import { AppError, invalidArgument, maxChunkBytes, toChunks, tooLarge } from "@ocelli/chassis";
import { Status } from "nice-grpc";

/** The file of a multipart form, read while it arrives. */
export interface FilePart {
  /** As sent by the client, without folders. */
  readonly filename: string;
  /** Form fields that came before the file. */
  readonly fields: ReadonlyMap<string, string>;
  /**
   * The bytes in chunks of at most 64 KiB, no faster than they are taken.
   * @throws AppError FILE_TOO_LARGE, MALFORMED_MULTIPART, CANCELLED.
   */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Bounds of one form. */
export interface MultipartLimits {
  /** Largest file. */
  readonly maxFileBytes: number;
}

// Room for boundaries, part headers and small fields around the file.
const overheadBytes = 64 * 1024;
const partLimits = {
  fieldNameSize: 100,
  fieldSize: 1024,
  fields: 16,
  files: 4,
  parts: 20,
  headerPairs: 32,
  headerSize: 8192,
};

/**
 * Reads a multipart form up to its first file part named `file` and hands that over; the rest of the form is read
 * after it. Nothing is buffered beyond what the streams hold.
 * @throws AppError EXPECTED_MULTIPART, EMPTY_BODY, MISSING_FILE, MALFORMED_MULTIPART, FILE_TOO_LARGE, CANCELLED, and what `use` throws.
 */
export async function withFilePart<T>(
  incoming: IncomingMessage,
  limits: MultipartLimits,
  use: (part: FilePart) => Promise<T>,
): Promise<T> {
  refuseEarly(incoming, limits);
  const form = openForm(incoming, limits);
  const letGo = feedForm(incoming, form, (total) => {
    if (total > limits.maxFileBytes + overheadBytes) throw fileTooLarge(limits);
  });
  let succeeded = false;
  try {
    const part = await Promise.race([form.file, form.finished.then(() => undefined)]);
    if (!part) throw invalidArgument("MISSING_FILE", "The form has no file part named `file`.");
    const result = await use(part);
    await form.finished;
    succeeded = true;
    return result;
  } catch (error) {
    // What broke the form explains more than what followed from it.
    throw form.failure() ?? error;
  } finally {
    letGo();
    form.busboy.destroy();
    // A connection with an unread rest is not looked at, and a client that leaves while it is answered goes unnoticed.
    if (succeeded) incoming.resume();
  }
}

function refuseEarly(incoming: IncomingMessage, limits: MultipartLimits): void {
  refuseOtherTypes(incoming);
  const declared = Number(incoming.headers["content-length"] ?? Number.NaN);
  if (declared > limits.maxFileBytes + overheadBytes) throw fileTooLarge(limits);
}

/** @throws AppError EXPECTED_MULTIPART, EMPTY_BODY. */
export function refuseOtherTypes(incoming: IncomingMessage): void {
  if (!/^multipart\/form-data\s*;/i.test(incoming.headers["content-type"] ?? "")) {
    throw new AppError({
      code: Status.INVALID_ARGUMENT,
      reason: "EXPECTED_MULTIPART",
      message: "The body must be multipart/form-data with a part named `file`.",
    });
  }
  if (incoming.headers["content-length"] === "0") throw emptyBody();
}

/** A form while it is read. */
export interface FormFeed {
  readonly busboy: BusboyInstance;
  fail(error: unknown): void;
}

interface Form extends FormFeed {
  /** The wanted part, once it begins. */
  readonly file: Promise<FilePart>;
  /** The whole form was read. */
  readonly finished: Promise<void>;
  failure(): AppError | undefined;
}

function openForm(incoming: IncomingMessage, limits: MultipartLimits): Form {
  const busboy = createParser(incoming, limits);
  const file = Promise.withResolvers<FilePart>();
  const finished = Promise.withResolvers<void>();
  const fields = new Map<string, string>();
  let failure: AppError | undefined;
  let current: BusboyFileStream | undefined;

  function fail(error: unknown): void {
    failure ??= error instanceof AppError ? error : malformed(error);
    file.reject(failure);
    finished.reject(failure);
    current?.destroy(failure);
  }
  // Both are awaited in turn; neither may end the process while the other is looked at.
  file.promise.catch(() => undefined);
  finished.promise.catch(() => undefined);

  busboy.on("field", (name, value) => void fields.set(name, value));
  busboy.on("file", (name, stream, filename) => {
    // A part cut short reports its error on its own stream as well.
    stream.on("error", fail);
    if (name !== "file" || current) return void stream.resume();
    current = stream;
    stream.once("limit", () => fail(fileTooLarge(limits)));
    file.resolve({ filename: filename ?? "", fields, chunks: readChunks(stream) });
  });
  for (const limit of ["partsLimit", "filesLimit", "fieldsLimit"] as const) {
    busboy.once(limit, () => fail(invalidArgument("MALFORMED_MULTIPART", "The form has too many parts.")));
  }
  busboy.on("error", fail);
  busboy.once("finish", () => finished.resolve());
  return { busboy, file: file.promise, finished: finished.promise, fail, failure: () => failure };
}

/** A parser for the form's boundary. @throws AppError MALFORMED_MULTIPART. */
export function createParser(
  incoming: IncomingMessage,
  limits: MultipartLimits,
  parts: Partial<typeof partLimits> = {},
): BusboyInstance {
  const contentType = incoming.headers["content-type"] ?? "";
  try {
    return new Busboy({
      headers: { ...incoming.headers, "content-type": contentType },
      limits: { ...partLimits, ...parts, fileSize: limits.maxFileBytes },
      fileHwm: maxChunkBytes,
    });
  } catch (error) {
    throw malformed(error);
  }
}

/** The bytes of a part in chunks of at most 64 KiB; the part can still be read on after an early exit. */
export async function* readChunks(stream: BusboyFileStream): AsyncGenerator<Uint8Array> {
  // The stream's own iterator would destroy it on an early exit, and the form could never be read to its end.
  for await (const bytes of stream.iterator({ destroyOnReturn: false })) yield* toChunks(bytes);
}

/**
 * Moves the body into the parser with back-pressure; the returned function lets go of the request, which stays intact
 * so that it can be answered. `check` is told how many bytes have come and throws when these are too many.
 */
export function feedForm(
  incoming: IncomingMessage,
  form: FormFeed,
  check: (totalBytes: number) => void,
): () => void {
  let total = 0;
  const resume = () => void incoming.resume();
  const onData = (chunk: Buffer) => {
    total += chunk.length;
    try {
      check(total);
    } catch (error) {
      return form.fail(error);
    }
    if (form.busboy.write(chunk)) return;
    incoming.pause();
    form.busboy.once("drain", resume);
  };
  const onEnd = () => {
    if (total === 0) form.fail(emptyBody());
    else form.busboy.end();
  };
  const onClose = () => {
    if (!incoming.readableEnded) form.fail(clientLeft(incoming.errored));
  };
  incoming.on("data", onData).on("end", onEnd).on("close", onClose);
  // Stays on: a connection that breaks later must not end the process.
  incoming.on("error", onClose);
  return () => {
    incoming.off("data", onData).off("end", onEnd).off("close", onClose);
    form.busboy.off("drain", resume);
    incoming.pause();
  };
}

function emptyBody(): AppError {
  return invalidArgument("EMPTY_BODY", "The body is empty.");
}

/** INVALID_ARGUMENT/MALFORMED_MULTIPART. */
export function malformed(cause: unknown): AppError {
  return new AppError({
    code: Status.INVALID_ARGUMENT,
    reason: "MALFORMED_MULTIPART",
    message: "The body is not a well-formed multipart form.",
    cause,
  });
}

function clientLeft(cause: unknown): AppError {
  return new AppError({ code: Status.CANCELLED, reason: "CANCELLED", message: "The client left.", cause });
}

/** RESOURCE_EXHAUSTED/FILE_TOO_LARGE. */
export function fileTooLarge(limits: MultipartLimits): AppError {
  return tooLarge("FILE_TOO_LARGE", `The file is larger than ${limits.maxFileBytes} bytes.`);
}
