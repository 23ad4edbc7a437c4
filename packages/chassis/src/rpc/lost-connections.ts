import { type CallOptions, ClientError, type ClientMiddlewareCall, Status } from "nice-grpc-common";

/** What the library underneath says of calls whose connection ended with them in hand; it calls them INTERNAL. */
const endOfConnection = /^Received RST_STREAM with code [02]\b/;

/**
 * Tells a call that lost its connection from one that failed: UNAVAILABLE, which is repeated where that is safe, and which
 * callers are told as such.
 */
export async function* nameLostConnections<Request, Response>(
  call: ClientMiddlewareCall<Request, Response>,
  options: CallOptions,
) {
  try {
    return yield* call.next(call.request, options);
  } catch (error) {
    if (!(error instanceof ClientError) || error.code !== Status.INTERNAL) throw error;
    throw endOfConnection.test(error.details)
      ? new ClientError(error.path, Status.UNAVAILABLE, "The connection was lost")
      : error;
  }
}
