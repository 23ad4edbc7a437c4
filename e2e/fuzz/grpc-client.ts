import { type ClientHttp2Session, connect, constants } from "node:http2";

/** What a gRPC call ended with. */
export interface GrpcOutcome {
  /** `grpc-status`; undefined when the call ended without any. */
  status: number | undefined;
  message: string;
  /** True when the status carries a `google.rpc.ErrorInfo`. */
  isTyped: boolean;
  /** Everything that came as messages. */
  bytes: Buffer;
  ms: number;
}

/** A connection to one server that sends whatever it is told, as no library would. */
export interface GrpcConnection {
  /** `frames` are sent as they are; `headers` may replace any. */
  call(
    path: string,
    frames: readonly Uint8Array[],
    headers?: Readonly<Record<string, string>>,
  ): Promise<GrpcOutcome>;
  close(): void;
}

const deadlineMs = 3000;
// Longer than any deadline that is sent: an end that never comes is a finding.
const hangMs = 12_000;
const mostHangUps = 3;

/** One message as gRPC frames it; `claimed` is the length it says it has. */
export function frame(message: Uint8Array, claimed = message.byteLength, compressed = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(compressed, 0);
  prefix.writeUInt32BE(claimed, 1);
  return Buffer.concat([prefix, message]);
}

/** Connects when first called, and again after the server has hung up. */
export function openGrpc(address: string): GrpcConnection {
  let session: ClientHttp2Session | undefined;
  const connected = () => {
    if (session && !session.closed && !session.destroyed) return session;
    // What breaks the connection shows in the calls on it.
    session = connect(`http://${address}`).on("error", () => undefined);
    return session;
  };
  return {
    async call(path, frames, headers = {}) {
      let outcome = await callOn(connected(), path, frames, headers);
      for (let again = 0; again < mostHangUps && wasHungUp(outcome); again += 1)
        outcome = await callOn(connected(), path, frames, headers);
      return outcome;
    },
    close: () => session?.destroy(),
  };
}

/**
 * Whether the server hung up on the whole connection: HTTP/2 allows a client so many frames that make no sense, such as data
 * for a stream that was refused meanwhile (CVE-2023-44487 and its kin). Calls that were on it say nothing and are made again.
 */
function wasHungUp({ status, message }: GrpcOutcome): boolean {
  return status === undefined && message.includes("NGHTTP2_ENHANCE_YOUR_CALM");
}

function callOn(
  session: ClientHttp2Session,
  path: string,
  frames: readonly Uint8Array[],
  headers: Readonly<Record<string, string>>,
): Promise<GrpcOutcome> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const outcome: GrpcOutcome = {
      status: undefined,
      message: "",
      isTyped: false,
      bytes: Buffer.alloc(0),
      ms: 0,
    };
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_TE]: "trailers",
      [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
      "grpc-timeout": `${deadlineMs}m`,
      ...headers,
    });
    const parts: Buffer[] = [];
    const read = (received: Record<string, unknown>) => {
      if (received["grpc-status"] === undefined) return;
      outcome.status = Number(received["grpc-status"]);
      outcome.message = decodeURIComponent(String(received["grpc-message"] ?? ""));
      const details = Buffer.from(String(received["grpc-status-details-bin"] ?? ""), "base64");
      outcome.isTyped = details.includes("google.rpc.ErrorInfo");
    };
    const timer = setTimeout(() => stream.destroy(), hangMs);
    stream.on("response", read).on("trailers", read);
    stream.on("data", (part: Buffer) => parts.push(part));
    // Closed in any case afterwards.
    stream.on("error", (error) => {
      outcome.message = error.message;
    });
    stream.once("close", () => {
      clearTimeout(timer);
      resolve({ ...outcome, bytes: Buffer.concat(parts), ms: performance.now() - startedAt });
    });
    for (const each of frames) stream.write(each);
    stream.end();
  });
}
