import { AppError } from "@ocelli/chassis";
import { Status } from "nice-grpc";
import { callOptions, extendBudget, type GatewayContext } from "./context.ts";
import { continueBody } from "./expect-continue.ts";
import { type FilePart, withFilePart } from "./multipart.ts";
import { withFileParts } from "./multipart-files.ts";

/** Options of the call that receives the file. */
export type UploadCallOptions = ReturnType<typeof callOptions>;

/** What bounds an upload, and the calls that follow it. */
export interface UploadLimits {
  readonly maxUploadBytes: number;
  readonly uploadTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/**
 * Streams the file of a multipart request into a call.
 * @throws AppError UPLOAD_TIMEOUT when the client or the service takes too long, and all of {@link withFilePart}.
 */
export async function forwardFile<T>(
  c: GatewayContext,
  limits: UploadLimits,
  call: (part: FilePart, options: UploadCallOptions) => Promise<T>,
): Promise<T> {
  continueBody(c);
  // Not AbortSignal.timeout: it would hold on to finished uploads until the time is up.
  const slow = new AbortController();
  const timer = setTimeout(() => slow.abort(), limits.uploadTimeoutMs);
  // The call's own deadline comes a little later, so that a slow client is told that it was slow.
  const options = callOptions(c, limits.uploadTimeoutMs + 1000);
  const signal = AbortSignal.any([options.signal, slow.signal]);
  try {
    const forwarded = withFilePart(c.env.incoming, { maxFileBytes: limits.maxUploadBytes }, (part) =>
      call(part, { ...options, signal }),
    );
    return await Promise.race([forwarded, rejectWhen(slow.signal)]);
  } catch (error) {
    throw slow.signal.aborted ? uploadTimeout(error) : error;
  } finally {
    clearTimeout(timer);
    extendBudget(c, limits.requestTimeoutMs);
  }
}

/**
 * Streams the files of a multipart request into calls, one after the other; each may take as long as a single upload.
 * @throws AppError UPLOAD_TIMEOUT, and all of {@link withFileParts}.
 */
export async function forwardFiles(
  c: GatewayContext,
  limits: UploadLimits & { maxBatchFiles: number },
  call: (part: FilePart, options: UploadCallOptions) => Promise<void>,
): Promise<void> {
  continueBody(c);
  const slow = new AbortController();
  const timer = setTimeout(() => slow.abort(), limits.uploadTimeoutMs);
  const bounds = { maxFileBytes: limits.maxUploadBytes, maxFiles: limits.maxBatchFiles };
  try {
    const forwarded = withFileParts(c.env.incoming, bounds, async (part) => {
      timer.refresh();
      const options = callOptions(c, limits.uploadTimeoutMs + 1000);
      await call(part, { ...options, signal: AbortSignal.any([options.signal, slow.signal]) });
      timer.refresh();
    });
    await Promise.race([forwarded, rejectWhen(slow.signal)]);
  } catch (error) {
    throw slow.signal.aborted ? uploadTimeout(error) : error;
  } finally {
    clearTimeout(timer);
    extendBudget(c, limits.requestTimeoutMs);
  }
}

function rejectWhen(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
  );
}

function uploadTimeout(cause: unknown): AppError {
  return new AppError({
    code: Status.DEADLINE_EXCEEDED,
    reason: "UPLOAD_TIMEOUT",
    message: "The upload took too long.",
    cause,
  });
}
