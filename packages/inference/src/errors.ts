/** Stable, documented reasons; the gRPC layer copies `reason` into ErrorInfo and `code` into the status. */
export type InferenceReason =
  | "ENGINE_OVERLOADED"
  | "ENGINE_CLOSED"
  | "DEADLINE_EXCEEDED"
  | "MODEL_UNKNOWN"
  | "MODEL_FILE_MISSING"
  | "MODEL_FILE_CORRUPT"
  | "MODEL_LOAD_FAILED"
  | "MODEL_RUN_FAILED"
  | "MODEL_WORKER_LOST"
  | "MANIFEST_INVALID"
  | ImageReason
  | "INPUT_INVALID";

/** What can be wrong with a picture; the library says the same of the same file. */
export type ImageReason = "UNSUPPORTED_MEDIA_TYPE" | "CORRUPT_IMAGE" | "TOO_MANY_PIXELS";

/** gRPC status name that fits the error; kept as text so that this package needs no gRPC. */
export type InferenceCode =
  | "RESOURCE_EXHAUSTED"
  | "DEADLINE_EXCEEDED"
  | "UNAVAILABLE"
  | "FAILED_PRECONDITION"
  | "INVALID_ARGUMENT"
  | "INTERNAL";

/** What every error of this package carries. `retryable`: the same call may succeed later without any repair. */
export class InferenceError extends Error {
  readonly code: InferenceCode;
  readonly reason: InferenceReason;
  readonly retryable: boolean;

  constructor(code: InferenceCode, reason: InferenceReason, message: string, options?: FailureOptions) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.reason = reason;
    this.retryable = options?.retryable ?? false;
  }
}

/** What an {@link InferenceError} carries besides its words. */
export interface FailureOptions {
  cause?: unknown;
  retryable?: boolean;
}

/** The queue of the model is full; nothing was started. `retryAfterMs` estimates when a slot frees. */
export class EngineOverloaded extends InferenceError {
  readonly retryAfterMs: number;

  constructor(modelId: string, retryAfterMs: number) {
    super("RESOURCE_EXHAUSTED", "ENGINE_OVERLOADED", `too much work is waiting for model "${modelId}"`, {
      retryable: true,
    });
    this.retryAfterMs = retryAfterMs;
  }
}

/** The caller's deadline passed before the model ran; no model time was spent. */
export class DeadlineExceeded extends InferenceError {
  constructor(modelId: string) {
    super(
      "DEADLINE_EXCEEDED",
      "DEADLINE_EXCEEDED",
      `the deadline passed while waiting for model "${modelId}"`,
    );
  }
}

/** The model cannot answer: unknown id, missing or wrong file, failed load or run, or a lost worker (retryable). */
export class ModelUnavailable extends InferenceError {
  readonly modelId: string;

  constructor(modelId: string, reason: InferenceReason, message: string, options?: FailureOptions) {
    super(codeFor(reason), reason, message, options);
    this.modelId = modelId;
  }
}

function codeFor(reason: InferenceReason): InferenceCode {
  if (reason === "MODEL_WORKER_LOST" || reason === "ENGINE_CLOSED") return "UNAVAILABLE";
  return reason === "MODEL_RUN_FAILED" ? "INTERNAL" : "FAILED_PRECONDITION";
}

/** The manifest itself is unreadable or breaks its schema; the message names the file and every problem. */
export class ManifestInvalid extends InferenceError {
  constructor(message: string, cause?: unknown) {
    super("FAILED_PRECONDITION", "MANIFEST_INVALID", message, { cause });
  }
}

/** The bytes are no picture we read, or it has more pixels than allowed. */
export class ImageUnreadable extends InferenceError {
  constructor(message: string, reason: ImageReason, cause?: unknown) {
    super("INVALID_ARGUMENT", reason, message, { cause });
  }
}

/** A tensor whose data does not fit its dims, a wrong input name, a text that is too long: a caller's mistake. */
export class InputInvalid extends InferenceError {
  constructor(message: string) {
    super("INVALID_ARGUMENT", "INPUT_INVALID", message);
  }
}
