import { z } from "zod";

/** A JSON schema as the document writes it. */
export type Schema = Readonly<Record<string, unknown>>;

/** A parameter of a path, query or header. */
export interface Parameter {
  name: string;
  in: "path" | "query" | "header" | "cookie";
  required: boolean;
  schema: Schema;
}

/** One method of one path, as documented. */
export interface Operation {
  /** `GET /api/v1/photos`. */
  name: string;
  method: string;
  path: string;
  parameters: readonly Parameter[];
  /** Media type and schema of the body; undefined for none. */
  body: { mediaType: string; schema: Schema } | undefined;
  /** Documented statuses. */
  statuses: readonly string[];
}

/** A document and what it documents. */
export interface OpenApi {
  document: Schema;
  operations: readonly Operation[];
  /** Follows a `$ref`. */
  resolve(schema: Schema): Schema;
}

const schemaSchema = z.record(z.string(), z.unknown());
const operationSchema = z.object({
  parameters: z
    .array(
      z.object({
        name: z.string(),
        in: z.enum(["path", "query", "header", "cookie"]),
        required: z.boolean().default(false),
        schema: schemaSchema.default({}),
      }),
    )
    .default([]),
  requestBody: z
    .object({ content: z.record(z.string(), z.object({ schema: schemaSchema.default({}) })) })
    .optional(),
  responses: z.record(z.string(), z.unknown()),
});

/** Reads the document of a running gateway. */
export async function readOpenApi(baseUrl: string): Promise<OpenApi> {
  const document = schemaSchema.parse(await (await fetch(`${baseUrl}/openapi.json`)).json());
  const paths = z.record(z.string(), z.record(z.string(), operationSchema)).parse(document.paths);
  const { schemas } = z.object({ schemas: z.record(z.string(), schemaSchema) }).parse(document.components);
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Operation => {
      const [content] = Object.entries(operation.requestBody?.content ?? {});
      return {
        name: `${method.toUpperCase()} ${path}`,
        method: method.toUpperCase(),
        path,
        parameters: operation.parameters,
        body: content && { mediaType: content[0], schema: content[1].schema },
        statuses: Object.keys(operation.responses),
      };
    }),
  );
  return {
    document,
    operations,
    resolve(schema) {
      const reference = schema.$ref;
      if (typeof reference !== "string") return schema;
      const found = schemas[reference.replace("#/components/schemas/", "")];
      if (!found) throw new Error(`nothing is documented at ${reference}`);
      return found;
    },
  };
}
