import { createServer } from "node:http";
import { BinaryReader, type WireType } from "@bufbuild/protobuf/wire";

/** A span as received over OTLP/HTTP. Ids are lower-case hex; a root's parent is empty. */
export interface ReceivedSpan {
  service: string;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  /** As OTLP counts: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number;
  attributes: Record<string, string | number | boolean>;
  events: { name: string; attributes: Record<string, string | number | boolean> }[];
}

/** A real OTLP/HTTP endpoint that keeps what it receives. */
export interface OtlpReceiver {
  readonly endpoint: string;
  readonly spans: ReceivedSpan[];
  /** Everything that was received, byte for byte. */
  readonly bodies: Buffer[];
  close(): void;
}

/** Listens on a free loopback port. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const bodies: Buffer[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    bodies.push(Buffer.concat(parts));
    if (request.url === "/v1/traces") spans.push(...decodeExport(Buffer.concat(parts)));
    response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address ? address.port : 0);
    });
  });
  return { endpoint: `http://127.0.0.1:${port}`, spans, bodies, close: () => server.close() };
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
    const [key, value] = decodeAttribute(reader.bytes());
    if (key === "service.name") service = String(value);
  });
  return service;
}

// common/v1/common.proto, KeyValue and AnyValue.
function decodeAttribute(bytes: Uint8Array): [key: string, value: string | number | boolean] {
  let key = "";
  let value: string | number | boolean = "";
  eachField(bytes, (field, attribute) => {
    if (field === 1) key = attribute.string();
    if (field !== 2) return;
    eachField(attribute.bytes(), (kind, any) => {
      if (kind === 1) value = any.string();
      if (kind === 2) value = any.bool();
      if (kind === 3) value = Number(any.int64());
      if (kind === 4) value = any.double();
      // Lists, maps and bytes, which nothing of ours sends.
      if (kind >= 5) value = Buffer.from(any.bytes()).toString("hex");
    });
  });
  return [key, value];
}

function decodeEvent(bytes: Uint8Array): ReceivedSpan["events"][number] {
  const event: ReceivedSpan["events"][number] = { name: "", attributes: {} };
  eachField(bytes, (field, reader) => {
    if (field === 2) event.name = reader.string();
    if (field !== 3) return;
    const [key, value] = decodeAttribute(reader.bytes());
    event.attributes[key] = value;
  });
  return event;
}

function decodeSpan(bytes: Uint8Array): ReceivedSpan {
  const ids = { service: "", traceId: "", spanId: "", parentSpanId: "", name: "" };
  const span: ReceivedSpan = { ...ids, kind: 0, attributes: {}, events: [] };
  eachField(bytes, (field, reader) => {
    if (field === 1) span.traceId = Buffer.from(reader.bytes()).toString("hex");
    if (field === 2) span.spanId = Buffer.from(reader.bytes()).toString("hex");
    if (field === 4) span.parentSpanId = Buffer.from(reader.bytes()).toString("hex");
    if (field === 5) span.name = reader.string();
    if (field === 6) span.kind = reader.int32();
    if (field === 9) {
      const [key, value] = decodeAttribute(reader.bytes());
      span.attributes[key] = value;
    }
    if (field === 11) span.events.push(decodeEvent(reader.bytes()));
  });
  return span;
}
