import { AppError } from "@ocelli/chassis";
import { Status } from "nice-grpc";

const byStatus: Readonly<Record<number, { code: Status; reason: string }>> = {
  404: { code: Status.NOT_FOUND, reason: "UPLOAD_NOT_FOUND" },
  409: { code: Status.FAILED_PRECONDITION, reason: "OFFSET_MISMATCH" },
  410: { code: Status.NOT_FOUND, reason: "UPLOAD_NOT_FOUND" },
  412: { code: Status.FAILED_PRECONDITION, reason: "TUS_VERSION_REQUIRED" },
  413: { code: Status.RESOURCE_EXHAUSTED, reason: "FILE_TOO_LARGE" },
  501: { code: Status.UNIMPLEMENTED, reason: "TUS_EXTENSION_UNKNOWN" },
};

const messages: Readonly<Record<string, string>> = {
  UPLOAD_NOT_FOUND: "There is no such upload.",
  OFFSET_MISMATCH: "The upload has come to another byte; ask for it with HEAD.",
  TUS_VERSION_REQUIRED: "The request needs the header `Tus-Resumable: 1.0.0`.",
  FILE_TOO_LARGE: "The file is larger than allowed, or than the upload was opened for.",
};

/** What the protocol library answered, as the error of the mesh that says the same. */
export function toTusError(status: number, text: string): AppError {
  const known = byStatus[status];
  const fallback =
    status >= 500
      ? { code: Status.INTERNAL, reason: "INTERNAL" }
      : { code: Status.INVALID_ARGUMENT, reason: "INVALID_TUS_REQUEST" };
  const { code, reason } = known ?? fallback;
  return new AppError({ code, reason, message: messages[reason] ?? text.trim().slice(0, 300) });
}
