import fc, { type Arbitrary } from "fast-check";
import type { OpenApi, Operation, Parameter, Schema } from "./openapi.ts";
import { type Caller, callers } from "./placeholders.ts";
import { hostileText, hostileValue, ids, resourceOf, valuesOf } from "./values.ts";

/** A request that can be kept and sent again; ids and tokens are placeholders. */
export interface FuzzRequest {
  /** `GET /api/v1/photos`, as documented. */
  operation: string;
  caller: Caller;
  /** With its query. */
  path: string;
  headers: Record<string, string>;
  /** Undefined for none. */
  body?: string | undefined;
}

const oddHeaders: ReadonlyArray<readonly [string, string]> = [
  ["range", "bytes=0-0"],
  ["range", "bytes=-1-2,x"],
  ["range", `bytes=${"0-1,".repeat(500)}0-1`],
  ["range", "bytes=99999999999999999999-"],
  ["if-none-match", '"'],
  ["if-none-match", "*"],
  ["if-modified-since", "never"],
  ["accept", "application/xml"],
  ["accept-encoding", "gzip;q=zz, br;q=-1"],
  ["accept-language", "x".repeat(2000)],
  ["idempotency-key", "a b\tc"],
  ["idempotency-key", "x".repeat(500)],
  ["x-request-id", "<script>"],
  ["x-csrf-token", "nonsense"],
  ["cookie", "ocelli-access=nonsense; __Host-ocelli-access=nonsense"],
  ["cookie", '=; ;;==;"; a="b'],
  ["x-forwarded-for", "' or 1=1, ::1, 999.1.1.1"],
  ["forwarded", 'for="[::1]";host=evil.example;proto=https'],
  ["traceparent", "00-00000000000000000000000000000000-0000000000000000-ff"],
  ["tracestate", "a=b,".repeat(200)],
  ["origin", "null"],
  ["last-event-id", "-1"],
  ["tus-resumable", "9.9.9"],
  ["upload-length", "-1"],
  ["upload-length", "99999999999999999999"],
  ["upload-offset", "1e3"],
  ["upload-metadata", "filename,,, =,x *"],
  ["content-encoding", "gzip"],
  ["user-agent", "\x7f\t".repeat(3)],
];
const otherTypes = [
  "text/plain",
  "application/xml",
  "application/json; charset=utf-16",
  "multipart/form-data",
  "multipart/form-data; boundary=",
  "a/b/c",
  "application/merge-patch+json",
];

/** Requests of an operation, about half of them as documented. */
export function requestsOf(operation: Operation, api: OpenApi): Arbitrary<FuzzRequest> {
  const path = fc
    .tuple(pathOf(operation), queryOf(operation, api))
    .map(([plain, query]) => (query === "" ? plain : `${plain}?${query}`));
  return fc
    .record({
      caller: fc.constantFrom(...callers, "user" as const, "user" as const),
      path,
      odd: headers(operation),
      body: bodyOf(operation, api),
    })
    .map(({ caller, path: target, odd, body }) => ({
      operation: operation.name,
      caller,
      path: target,
      headers: { ...(body ? { "content-type": body.type } : {}), ...odd },
      ...(body ? { body: body.text } : {}),
    }));
}

function pathOf(operation: Operation): Arbitrary<string> {
  const parts = operation.path.split(/(\{[^}]+\})/);
  const values = parts.map((part): Arbitrary<string> => {
    const name = /^\{(.+)\}$/.exec(part)?.[1];
    if (!name) return fc.constant(part);
    const choices =
      name === "rendition"
        ? fc.constantFrom("preview", "original", "thumbnail", "..", "raw")
        : ids(resourceOf(operation, name));
    return choices.map((value) => encodeURIComponent(value.toWellFormed()).replace(/^\.+$/, "%2e"));
  });
  return fc.tuple(...values).map((all) => all.join(""));
}

function queryOf(operation: Operation, api: OpenApi): Arbitrary<string> {
  const own = operation.parameters.filter((each) => each.in === "query");
  const pair = (name: string, value: unknown) =>
    `${encodeURIComponent(name)}=${encodeURIComponent(plain(value).toWellFormed())}`;
  const sound = own.map((each: Parameter) =>
    fc.option(
      valuesOf(each.schema, api.resolve, operation, each.name).map((value) => pair(each.name, value)),
      { freq: each.required ? 20 : 1, nil: "" },
    ),
  );
  const names = [...own.map(({ name }) => name), "pageToken", "nope", "__proto__"];
  const odd = fc.tuple(fc.constantFrom(...names), hostileText).map(([name, value]) => pair(name, value));
  return fc
    .tuple(fc.tuple(...sound), fc.option(odd, { freq: 1, nil: "" }))
    .map(([pairs, extra]) => [...pairs, extra].filter((each) => each !== "").join("&"));
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function headers(operation: Operation): Arbitrary<Record<string, string>> {
  const own = operation.parameters
    .filter((each) => each.in === "header")
    .map(({ name }) => name.toLowerCase());
  const odd =
    own.length > 0 ? oddHeaders.filter(([name]) => own.includes(name) || name === "range") : oddHeaders;
  const tus: Record<string, string> = operation.path.includes("/uploads")
    ? { "tus-resumable": "1.0.0", "upload-length": "10", "upload-offset": "0" }
    : {};
  return fc
    .option(fc.constantFrom(...odd), { freq: 1, nil: undefined })
    .map((chosen) => (chosen ? { ...tus, [chosen[0]]: chosen[1] } : { ...tus }));
}

function bodyOf(operation: Operation, api: OpenApi): Arbitrary<{ type: string; text: string } | undefined> {
  const { body } = operation;
  if (!body) {
    // A body where none is expected.
    const unexpected = fc.constant({ type: "application/json", text: '{"a":1}' });
    return operation.method === "GET"
      ? fc.constant(undefined)
      : fc.option(unexpected, { freq: 1, nil: undefined });
  }
  if (body.mediaType.startsWith("multipart/")) return forms();
  if (body.mediaType !== "application/json")
    return hostileText.map((text) => ({ type: body.mediaType, text }));
  const json = documents(operation, api, body.schema);
  return fc.oneof(
    { weight: 8, arbitrary: json.map((text) => ({ type: body.mediaType, text })) },
    {
      weight: 1,
      arbitrary: fc.tuple(json, fc.constantFrom(...otherTypes)).map(([text, type]) => ({ type, text })),
    },
  );
}

function documents(operation: Operation, api: OpenApi, schema: Schema): Arbitrary<string> {
  const sound = valuesOf(schema, api.resolve, operation);
  const names = Object.keys((api.resolve(schema).properties ?? {}) as object); // an object wherever it is documented
  const field = names.length > 0 ? fc.constantFrom(...names, "nope", "__proto__", "id") : fc.constant("nope");
  const changed = fc
    .tuple(sound, field, hostileValue)
    .map(([value, name, hostile]) => JSON.stringify({ ...Object(value), [name]: hostile }));
  const lacking = fc
    .tuple(sound, field)
    .map(([value, name]) => JSON.stringify({ ...Object(value), [name]: undefined }));
  const twice = fc
    .tuple(sound, field, hostileValue)
    .map(
      ([value, name, hostile]) =>
        `{${JSON.stringify(name)}:${JSON.stringify(hostile)},${JSON.stringify(value).slice(1)}`,
    );
  const cut = fc.tuple(sound, fc.nat(100)).map(([value, at]) => JSON.stringify(value).slice(0, at));
  const raw = fc.constantFrom(
    "",
    "null",
    "[]",
    "[".repeat(20_000),
    '{"a":'.repeat(5000),
    "\ufeff{}",
    "NaN",
    "1e999",
    "{'a':1}",
    '{"a":1}{"b":2}',
    `{"a":"${"x".repeat(70_000)}"}`,
    '"\\ud800"',
    '{"\\u0000":1}',
  );
  return fc.oneof(
    { weight: 8, arbitrary: sound.map((value) => JSON.stringify(value)) },
    { weight: 6, arbitrary: changed },
    { weight: 1, arbitrary: lacking },
    { weight: 1, arbitrary: twice },
    { weight: 1, arbitrary: cut },
    { weight: 1, arbitrary: raw },
    { weight: 1, arbitrary: hostileValue.map((value) => JSON.stringify(value) ?? "") },
  );
}

function forms(): Arbitrary<{ type: string; text: string }> {
  const type = "multipart/form-data; boundary=x";
  const part = (head: string, content: string) =>
    `--x\r\ncontent-disposition: form-data; ${head}\r\n\r\n${content}\r\n`;
  const odd = fc.constantFrom(
    "",
    "garbage",
    "--x--\r\n",
    "--x\r\n\r\n--x--",
    `--x\r\n${"a: b\r\n".repeat(500)}\r\n`,
    part('name="file"', "x"),
    part('name="file"; filename="a.jpg"', ""),
    `${part('name="file"; filename="a.jpg"', "words")}--x--`,
  );
  const named = hostileText.map(
    (name) => `${part(`name="file"; filename="${name.replaceAll('"', "%22")}"`, "no picture")}--x--\r\n`,
  );
  const many = fc
    .integer({ min: 2, max: 30 })
    .map((count) => `${part('name="file"; filename="a.jpg"', "x").repeat(count)}--x--\r\n`);
  return fc.oneof(odd, named, many).map((text) => ({ type, text }));
}
