import type { TestGateway } from "./running-gateway.ts";

/** A request that would be fine. */
export interface GoodRequest {
  readonly method: string;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** Fields that may be left out. */
  readonly optional?: readonly string[];
  /** Fields that may be `null`. */
  readonly nullable?: readonly string[];
  /** Whether the whole body may be left out. */
  readonly mayBeEmpty?: boolean;
}

/** A body that must be refused before any service hears of it. */
export interface HostileBody {
  readonly what: string;
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly type?: string;
  readonly status: number;
  readonly reason: string;
}

const kinds: ReadonlyArray<readonly [string, unknown]> = [
  ["a number", 7],
  ["a fraction", 0.5],
  ["a number as text with NUL", "7\0"],
  ["a truth", true],
  ["null", null],
  ["a list", ["x"]],
  ["an empty list", []],
  ["an object", { $ne: null }],
  ["half a surrogate pair", "\ud800"],
  ["text that is too long", "x".repeat(2_000)],
];

/** Everything wrong that a request's body can be, made from one that is right. */
export function hostileBodies(good: GoodRequest): HostileBody[] {
  const invalid = { status: 400, reason: "INVALID_ARGUMENT" };
  const malformed = { status: 400, reason: "MALFORMED_JSON" };
  const untyped = { status: 415, reason: "EXPECTED_JSON" };
  const text = JSON.stringify(good.body);
  const fields = Object.keys(good.body);
  return [
    ...fields
      .filter((field) => !good.optional?.includes(field))
      .map((field) => ({ what: `without ${field}`, body: without(good.body, field), ...invalid })),
    ...fields.flatMap((field) =>
      kinds
        .filter(([, value]) => isWrong(good, field, value))
        .map(([kind, value]) => ({
          what: `${field} is ${kind}`,
          body: JSON.stringify({ ...good.body, [field]: value }),
          ...invalid,
        })),
    ),
    { what: "unknown field", body: JSON.stringify({ ...good.body, isAdmin: true }), ...invalid },
    { what: "__proto__", body: `${text.slice(0, -1)},"__proto__":{"role":"admin"}}`, ...invalid },
    { what: "a list of bodies", body: `[${text}]`, ...invalid },
    { what: "null", body: "null", ...invalid },
    { what: "a string", body: JSON.stringify(text), ...invalid },
    { what: "half a body", body: text.slice(0, -1), ...malformed },
    { what: "two bodies", body: text + text, ...malformed },
    { what: "no JSON", body: "{'a':1}", ...malformed },
    { what: "nothing, typed", body: "", ...malformed },
    {
      what: "invalid UTF-8",
      body: new Uint8Array([...Buffer.from('{"a":"'), 0xff, 0x22, 0x7d]),
      ...malformed,
    },
    { what: "UTF-16", body: new Uint8Array(Buffer.from(text, "utf16le")), ...malformed },
    { what: "deep nesting", body: `{"a":${"[".repeat(20_000)}${"]".repeat(20_000)}}`, ...invalid },
    {
      what: "100 KB",
      body: JSON.stringify({ ...good.body, [fields[0] ?? "a"]: "x".repeat(100_000) }),
      status: 413,
      reason: "BODY_TOO_LARGE",
    },
    { what: "a form", body: "a=b", type: "application/x-www-form-urlencoded", ...untyped },
    { what: "plain text", body: text, type: "text/plain", ...untyped },
    { what: "nearly JSON", body: text, type: "application/json-seq", ...untyped },
  ];
}

/** Sends one of them. */
export function send(
  test: TestGateway,
  { method, path }: GoodRequest,
  hostile: HostileBody,
): Promise<Response> {
  const headers = { "content-type": hostile.type ?? "application/json" };
  return test.call(path, { method, body: hostile.body, headers });
}

function without(body: Readonly<Record<string, unknown>>, field: string): string {
  return JSON.stringify(Object.fromEntries(Object.entries(body).filter(([name]) => name !== field)));
}

/** Whether a value is wrong for a field whose right value is known. */
function isWrong({ body, nullable }: GoodRequest, field: string, value: unknown): boolean {
  const right = body[field];
  if (value === null) return !nullable?.includes(field);
  if (typeof right === "number") return value !== 7;
  if (Array.isArray(right)) return true;
  return typeof value !== typeof right || typeof value === "string";
}
