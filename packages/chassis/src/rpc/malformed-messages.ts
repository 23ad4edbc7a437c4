import type { CompatServiceDefinition } from "nice-grpc";
import type { CallContext, ServerMiddlewareCall } from "nice-grpc-common";
import { invalidArgument } from "../errors/errors.ts";

/** Stands for bytes that are no message of their type, until somebody may answer them. */
class MalformedMessage {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}

interface Decoder {
  decode(bytes: Uint8Array): unknown;
}

/**
 * The definition with readers of requests that never throw: the library underneath would answer INTERNAL, without a reason
 * and past all middleware, as if bytes that are no message were a fault of the server. Goes with
 * {@link refuseMalformedMessages}.
 */
export function readingAnyBytes<Service extends CompatServiceDefinition>(definition: Service): Service {
  const methods = Object.entries(definition.methods).map(([name, method]): [string, unknown] =>
    hasDecoder(method) ? [name, { ...method, requestType: tolerant(method.requestType) }] : [name, method],
  );
  // The same methods under the same names, of the same types to whoever sends messages.
  return { ...definition, methods: Object.fromEntries(methods) } as Service;
}

function hasDecoder(method: object): method is { requestType: Decoder } {
  return "requestType" in method;
}

function tolerant(type: Decoder): Decoder {
  return {
    ...type,
    decode(bytes) {
      try {
        return type.decode(bytes);
      } catch (cause) {
        return new MalformedMessage(cause);
      }
    },
  };
}

/** Refuses calls with bytes that are no message: INVALID_ARGUMENT/MALFORMED_MESSAGE. */
export async function* refuseMalformedMessages<Request, Response>(
  call: ServerMiddlewareCall<Request, Response>,
  context: CallContext,
) {
  if (call.requestStream) return yield* call.next(onlyMessages(call.request), context);
  assertMessage(call.request);
  return yield* call.next(call.request, context);
}

async function* onlyMessages<Request>(requests: AsyncIterable<Request>): AsyncGenerator<Request> {
  for await (const request of requests) {
    assertMessage(request);
    yield request;
  }
}

function assertMessage(request: unknown): void {
  if (request instanceof MalformedMessage) {
    throw invalidArgument("MALFORMED_MESSAGE", "The bytes of the call are no message of its type.");
  }
}
