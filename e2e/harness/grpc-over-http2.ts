import { connect, constants } from "node:http2";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";

/** What a gRPC call ended with. */
export interface GrpcAnswer {
  /** `grpc-status`; 0 is OK. */
  status: number;
  messages: Uint8Array[];
}

/**
 * Calls a gRPC method with nothing but HTTP/2 frames, as a client written by somebody else does. `path` is
 * `/package.Service/Method`, `bearer` an access token.
 */
export function callGrpc(
  address: string,
  path: string,
  message: Uint8Array,
  bearer?: string,
): Promise<GrpcAnswer> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://${address}`).once("error", reject);
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_TE]: "trailers",
      [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    });
    const parts: Buffer[] = [];
    let status = Number.NaN;
    // An error without any message comes as headers only, every other status as trailers.
    const read = (headers: Record<string, unknown>) => {
      if (headers["grpc-status"] !== undefined) status = Number(headers["grpc-status"]);
    };
    stream.on("response", read).on("trailers", read);
    stream.on("data", (part: Buffer) => parts.push(part)).once("error", reject);
    stream.once("end", () => {
      session.close();
      resolve({ status, messages: splitFrames(Buffer.concat(parts)) });
    });
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.byteLength, 1);
    stream.end(Buffer.concat([prefix, message]));
  });
}

/** `grpc.health.v1.Health/Check`: 1 is SERVING, 2 NOT_SERVING. An empty name asks for the whole server. */
export async function checkHealth(address: string, service: string): Promise<number> {
  const request = new BinaryWriter().uint32(0x0a).string(service).finish();
  const { status, messages } = await callGrpc(address, "/grpc.health.v1.Health/Check", request);
  if (status !== 0 || !messages[0]) throw new Error(`health check answered gRPC status ${status}`);
  let serving = 0;
  eachField(messages[0], (field, reader) => {
    if (field === 1) serving = reader.int32();
  });
  return serving;
}

/** Full names of the services that a server's reflection lists. */
export async function listServices(address: string): Promise<string[]> {
  // ServerReflectionRequest.list_services, field 7.
  const request = new BinaryWriter().uint32(0x3a).string("").finish();
  const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  const { status, messages } = await callGrpc(address, path, request);
  if (status !== 0 || !messages[0]) throw new Error(`reflection answered gRPC status ${status}`);
  const names: string[] = [];
  eachField(messages[0], (field, response) => {
    // ServerReflectionResponse.list_services_response -> ListServiceResponse.service -> ServiceResponse.name.
    if (field !== 6) return;
    eachField(response.bytes(), (inner, service) => {
      if (inner !== 1) return;
      eachField(service.bytes(), (last, name) => {
        if (last === 1) names.push(name.string());
      });
    });
  });
  return names.sort();
}

function splitFrames(bytes: Buffer): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at + 5 <= bytes.byteLength; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(at + 5, end));
    at = end;
  }
  return messages;
}

function eachField(bytes: Uint8Array, handle: (field: number, reader: BinaryReader) => void): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const start = reader.pos;
    handle(field, reader);
    // A handler that reads nothing passes the field over.
    if (reader.pos === start) reader.skip(wireType, field);
  }
}
