import { readFileSync } from "node:fs";
import {
  create,
  createFileRegistry,
  type DescField,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import fc, { type Arbitrary } from "fast-check";
import type { Known } from "./placeholders.ts";
import { hostileText } from "./values.ts";

/** Every method of every service that the contracts describe. */
export function readMethods(): DescMethod[] {
  const bytes = readFileSync(new URL(import.meta.resolve("@ocelli/contracts/descriptors")));
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes));
  return [...registry]
    .flatMap((each) => (each.kind === "service" ? each.methods : []))
    .filter(({ parent }) => parent.typeName.startsWith("ocelli."))
    .sort((a, b) => pathOf(a).localeCompare(pathOf(b)));
}

/** `/ocelli.library.v1.LibraryService/GetPhoto`. */
export function pathOf({ parent, name }: DescMethod): string {
  return `/${parent.typeName}/${name}`;
}

// Messages contain themselves nowhere yet; where they will, this ends it.
const maxDepth = 5;

/** Messages that their type allows, written out; `known` gives ids that exist. */
export function messagesOf(type: DescMessage, known: readonly Known[]): Arbitrary<Uint8Array> {
  return fieldsOf(type, known, 0).map((init) => toBinary(type, create(type, init)));
}

function fieldsOf(
  type: DescMessage,
  known: readonly Known[],
  depth: number,
): Arbitrary<MessageInitShape<DescMessage>> {
  const members = type.members.map((member): [string, Arbitrary<unknown>] => {
    if (member.kind === "oneof") {
      const cases = member.fields.map((field) =>
        valuesOfField(field, known, depth).map((value) => ({ case: field.localName, value })),
      );
      return [member.localName, fc.oneof(...cases)];
    }
    return [member.localName, valuesOfField(member, known, depth)];
  });
  return fc.record(Object.fromEntries(members), { requiredKeys: [] }) as Arbitrary<
    MessageInitShape<DescMessage>
  >; // fields of exactly this type
}

function valuesOfField(field: DescField, known: readonly Known[], depth: number): Arbitrary<unknown> {
  const message = (type: DescMessage) =>
    depth >= maxDepth ? fc.constant(undefined) : fieldsOf(type, known, depth + 1);
  switch (field.fieldKind) {
    case "scalar":
      return scalars(field.scalar, field.name, known);
    case "enum":
      return enums(field.enum.values.map(({ number }) => number));
    case "message":
      return message(field.message);
    case "list": {
      const item =
        field.listKind === "scalar"
          ? scalars(field.scalar, field.name, known)
          : field.listKind === "enum"
            ? enums(field.enum.values.map(({ number }) => number))
            : message(field.message);
      return fc.oneof(
        { weight: 9, arbitrary: fc.array(item, { maxLength: 3 }) },
        { weight: 1, arbitrary: item.map((each) => Array.from({ length: 1500 }, () => each)) },
      );
    }
    default:
      return fc.constant({});
  }
}

function enums(numbers: readonly number[]): Arbitrary<number> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...numbers) },
    { weight: 1, arbitrary: fc.constantFrom(-1, 99, 2 ** 31 - 1) },
  );
}

function scalars(type: ScalarType, name: string, known: readonly Known[]): Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return /(^|_)ids?$/.test(name)
        ? fc.oneof(fc.constantFrom(...known.flatMap(({ own }) => Object.values(own))), fc.uuid(), text)
        : text;
    case ScalarType.BYTES:
      return fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.constant(new Uint8Array(70_000)),
        fc.constant(new Uint8Array()),
      );
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return fc.oneof(fc.constantFrom(0, -1, 1, Number.NaN, Number.POSITIVE_INFINITY, -0), fc.float());
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return fc.oneof(fc.constantFrom(0, 1, 5, -1, 2 ** 31 - 1, -(2 ** 31)), fc.nat(50), fc.integer());
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return fc.oneof(fc.constantFrom(0, 1, 2 ** 32 - 1), fc.nat());
    default: {
      const isSigned = type !== ScalarType.UINT64 && type !== ScalarType.FIXED64;
      const boundaries = isSigned
        ? [0n, 1n, -1n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)]
        : [0n, 1n, 2n ** 53n, 2n ** 64n - 1n];
      return fc.constantFrom(...boundaries);
    }
  }
}

// Half surrogates cannot be written; bytes that are no UTF-8 come with the garbage.
const text = fc
  .oneof(
    { weight: 3, arbitrary: fc.constantFrom("", "a cat", "2001-02-03", "a@example.org") },
    { weight: 2, arbitrary: hostileText },
    { weight: 1, arbitrary: fc.string({ maxLength: 20 }) },
  )
  .map((each) => each.toWellFormed());
