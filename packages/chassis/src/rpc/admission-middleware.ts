import type { CallContext, MethodDescriptor, ServerMiddlewareCall } from "nice-grpc-common";
import type { Admission, LoadClass } from "../load/admission.ts";

/** Refuses calls of which there are too many before a message of them is read, streams of files first. */
export function admissionMiddleware(admission: Admission) {
  return async function* admit<Request, Response>(
    call: ServerMiddlewareCall<Request, Response>,
    context: CallContext,
  ) {
    const leave = admission.enter(classOf(call.method));
    try {
      return yield* call.next(call.request, context);
    } finally {
      leave();
    }
  };
}

/**
 * Streams of files give way to what is short. Everything else is refused only when there is no place at all: most of it is
 * part of work that was let in at another door, and would be left half done.
 */
function classOf({ requestStream }: MethodDescriptor): LoadClass {
  return requestStream ? "upload" : "critical";
}
