import { createServer } from "node:http";
import { BinaryReader, type WireType } from "@bufbuild/protobuf/wire";

/** A span as received over OTLP/HTTP. Ids are lower-case hex; a root's parent is empty. */
export interface ReceivedSpan {
  service: string;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
}

/** A real OTLP/HTTP endpoint that keeps what it receives. */
export interface OtlpReceiver {
  readonly endpoint: string;
  readonly spans: ReceivedSpan[];
  close(): void;
}

/** Listens on a free loopback port. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    if (request.url === "/v1/traces") spans.push(...decodeExport(Buffer.concat(parts)));
    response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address ? address.port : 0);
    });
  });
  return { endpoint: `http://127.0.0.1:${port}`, spans, close: () => server.close() };
}

type Fields = (field: number, reader: BinaryReader, wireType: WireType) => void;

function eachField(bytes: Uint8Array, handle: Fields): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const start = reader.pos;
    handle(field, reader, wireType);
    // A handler that reads nothing passes the field over.
    if (reader.pos === start) reader.skip(wireType, field);
  }
}

// Field numbers: opentelemetry-proto, trace/v1/trace.proto and collector/trace/v1/trace_service.proto.
function decodeExport(bytes: Uint8Array): ReceivedSpan[] {
  const spans: ReceivedSpan[] = [];
  eachField(bytes, (field, reader) => {
    if (field === 1) spans.push(...decodeResourceSpans(reader.bytes()));
  });
  return spans;
}

function decodeResourceSpans(bytes: Uint8Array): ReceivedSpan[] {
  let service = "";
  const spans: ReceivedSpan[] = [];
  eachField(bytes, (field, reader) => {
    if (field === 1) service = decodeServiceName(reader.bytes());
    if (field === 2) {
      eachField(reader.bytes(), (inner, scope) => {
        if (inner === 2) spans.push(decodeSpan(scope.bytes()));
      });
    }
  });
  return spans.map((span) => ({ ...span, service }));
}

function decodeServiceName(resource: Uint8Array): string {
  let service = "";
  eachField(resource, (field, reader) => {
    if (field !== 1) return;
    let key = "";
    eachField(reader.bytes(), (inner, attribute) => {
      if (inner === 1) key = attribute.string();
      if (inner === 2 && key === "service.name") {
        eachField(attribute.bytes(), (kind, value) => {
          if (kind === 1) service = value.string();
        });
      }
    });
  });
  return service;
}

function decodeSpan(bytes: Uint8Array): ReceivedSpan {
  const span = { service: "", traceId: "", spanId: "", parentSpanId: "", name: "" };
  eachField(bytes, (field, reader) => {
    if (field === 1) span.traceId = Buffer.from(reader.bytes()).toString("hex");
    if (field === 2) span.spanId = Buffer.from(reader.bytes()).toString("hex");
    if (field === 4) span.parentSpanId = Buffer.from(reader.bytes()).toString("hex");
    if (field === 5) span.name = reader.string();
  });
  return span;
}
