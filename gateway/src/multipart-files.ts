import type { IncomingMessage } from "node:http";
import type { BusboyFileStream, BusboyInstance } from "@fastify/busboy";
import { AppError, invalidArgument } from "@ocelli/chassis";
import {
  createParser,
  type FilePart,
  feedForm,
  fileTooLarge,
  type MultipartLimits,
  malformed,
  readChunks,
  refuseOtherTypes,
} from "./multipart.ts";

/** Bounds of a form with many files. */
export interface FilesLimits extends MultipartLimits {
  /** Most files. */
  readonly maxFiles: number;
}

// Room for small fields beside the files.
const fieldParts = 16;

/**
 * Reads a multipart form and hands over its parts named `file` one after the other. The next one is read when `use` has
 * ended; what it left of its file is skipped, so that a refused file does not end the form. A file that is too large
 * breaks off with FILE_TOO_LARGE and is skipped likewise, as far as a file may be long once more.
 * @throws AppError EXPECTED_MULTIPART, EMPTY_BODY, MISSING_FILE, TOO_MANY_FILES, MALFORMED_MULTIPART, CANCELLED, and
 *   what `use` throws.
 */
export async function withFileParts(
  incoming: IncomingMessage,
  limits: FilesLimits,
  use: (part: FilePart) => Promise<void>,
): Promise<void> {
  refuseOtherTypes(incoming);
  const form = openFiles(createParser(incoming, limits, partsOf(limits)), limits);
  const letGo = feedForm(incoming, form, form.check);
  let files = 0;
  let succeeded = false;
  try {
    for (let next = await form.next(); next; next = await form.next()) {
      files += 1;
      try {
        await use(next.part);
      } finally {
        next.skip();
      }
    }
    if (files === 0) throw invalidArgument("MISSING_FILE", "The form has no file part named `file`.");
    succeeded = true;
  } catch (error) {
    // What broke the form explains more than what followed from it.
    throw form.failure() ?? error;
  } finally {
    letGo();
    form.busboy.destroy();
    if (succeeded) incoming.resume();
  }
}

function partsOf({ maxFiles }: FilesLimits) {
  // One more is let in to be refused by name.
  return { files: maxFiles + 1, parts: maxFiles + 1 + fieldParts };
}

interface NextFile {
  readonly part: FilePart;
  skip(): void;
}

interface FilesForm {
  readonly busboy: BusboyInstance;
  /** The next file, or undefined at the end of the form. */
  next(): Promise<NextFile | undefined>;
  /** @throws AppError FILE_TOO_LARGE when too much had to be skipped. */
  check(totalBytes: number): void;
  fail(error: unknown): void;
  failure(): AppError | undefined;
}

function openFiles(busboy: BusboyInstance, limits: FilesLimits): FilesForm {
  const waiting: NextFile[] = [];
  const fields = new Map<string, string>();
  let failure: AppError | undefined;
  let finished = false;
  let files = 0;
  let total = 0;
  /** Where the file that is being skipped became too large. */
  let tooLargeAt: number | undefined;
  let current: BusboyFileStream | undefined;
  let wake = () => {};

  function fail(error: unknown): void {
    failure ??= error instanceof AppError ? error : malformed(error);
    current?.destroy(failure);
    wake();
  }

  busboy.on("field", (name, value) => void fields.set(name, value));
  busboy.on("file", (name, stream, filename) => {
    stream.on("error", fail);
    if (name !== "file") return void stream.resume();
    files += 1;
    if (files > limits.maxFiles) return fail(tooManyFiles(limits));
    current = stream;
    stream.once("limit", () => (tooLargeAt = total)).once("end", () => (tooLargeAt = undefined));
    const part = { filename: filename ?? "", fields: new Map(fields), chunks: chunksOf(stream, limits) };
    waiting.push({ part, skip: () => skipRest(stream) });
    wake();
  });
  for (const limit of ["partsLimit", "filesLimit", "fieldsLimit"] as const) {
    busboy.once(limit, () => fail(invalidArgument("MALFORMED_MULTIPART", "The form has too many parts.")));
  }
  busboy.on("error", fail);
  busboy.once("finish", () => {
    finished = true;
    wake();
  });
  return {
    busboy,
    async next() {
      while (waiting.length === 0 && !finished && !failure)
        await new Promise<void>((resolve) => (wake = resolve));
      if (failure) throw failure;
      return waiting.shift();
    },
    check(totalBytes) {
      total = totalBytes;
      if (tooLargeAt !== undefined && total - tooLargeAt > limits.maxFileBytes) throw fileTooLarge(limits);
    },
    fail,
    failure: () => failure,
  };
}

/**
 * Reads a part to its end for nobody. Whoever left it in the middle may still listen for more, and a stream that somebody
 * listens to so does not flow by itself.
 */
function skipRest(stream: BusboyFileStream): void {
  const drain = () => {
    while (stream.read() !== null);
  };
  stream.on("readable", drain);
  drain();
}

/** Breaks off as soon as the file is too large, long before all of it has come. */
async function* chunksOf(stream: BusboyFileStream, limits: FilesLimits): AsyncGenerator<Uint8Array> {
  const exceeded = Promise.withResolvers<never>();
  exceeded.promise.catch(() => undefined);
  stream.once("limit", () => exceeded.reject(fileTooLarge(limits)));
  if (stream.truncated) throw fileTooLarge(limits);
  const chunks = readChunks(stream);
  for (;;) {
    const next = await Promise.race([chunks.next(), exceeded.promise]);
    if (stream.truncated) throw fileTooLarge(limits);
    if (next.done) return;
    yield next.value;
  }
}

function tooManyFiles({ maxFiles }: FilesLimits): AppError {
  return invalidArgument(
    "TOO_MANY_FILES",
    `The form has more than ${maxFiles} files. Those that came before are stored, and no job was made of them.`,
  );
}
