import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { z } from "zod";
import type { OpenApi, Operation } from "./openapi.ts";

/** An answer, read to its end or, where it is a stream of events, to its head. */
export interface Answer {
  status: number;
  headers: Headers;
  body: string;
  ms: number;
}

/** What must not be in answers to a caller. */
export interface Secrets {
  /** Words of other users' data. */
  words: readonly string[];
}

/** Judges answers by the document; an empty list is praise. */
export type Judge = (operation: Operation, answer: Answer, secrets: Secrets) => string[];

const maxMs = 15_000;
const maxBodyCharacters = 8 * 1024 * 1024;
// What an installation without a provider of logins, or a stage in hand, says of itself.
const declaredOverload =
  /^(RATE_LIMITED|ENGINE_OVERLOADED|[A-Z_]*(BUSY|FULL|OVERLOADED|UNAVAILABLE|TOO_MANY[A-Z_]*))$/;
/** A problem as every refusal is. */
export const problemSchema = z.strictObject({
  type: z.literal("about:blank"),
  title: z.string().min(1),
  status: z.number(),
  detail: z.string().min(1),
  reason: z.string().regex(/^[A-Z][A-Z0-9_]*$/),
  traceId: z.string().regex(/^([0-9a-f]{32})?$/),
  errors: z.array(z.strictObject({ field: z.string(), description: z.string() })),
});
// Of a stack, of a query, of a file of the server.
const innerWords =
  /\bat [\w.<>]+ \(|node_modules|\/services\/\w+\/src|\bselect "|\binsert into "|PGlite|ECONNREFUSED/;

/** Reads the documented schemas. */
export function createJudge(api: OpenApi): Judge {
  // The document has keywords of OpenAPI that are no business of a validator.
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema(api.document, "openapi");
  const pointer = (...parts: string[]) =>
    parts.map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");

  function schemaProblems(operation: Operation, answer: Answer): string[] {
    const status = String(answer.status);
    if (!operation.statuses.includes(status)) return [`status ${status} is not documented`];
    const type = (answer.headers.get("content-type") ?? "").split(";")[0]?.trim() ?? "";
    if (type !== "application/json") return [];
    const place = pointer(
      "paths",
      operation.path,
      operation.method.toLowerCase(),
      "responses",
      status,
      "content",
      type,
      "schema",
    );
    const validate = ajv.getSchema(`openapi#/${place}`);
    if (!validate) return [`no schema of ${type} is documented for ${status}`];
    return validate(JSON.parse(answer.body))
      ? []
      : [`unlike its schema: ${ajv.errorsText(validate.errors).slice(0, 500)}`];
  }

  return (operation, answer, { words }) => {
    const problems: string[] = [];
    const { status, body, ms } = answer;
    if (ms > maxMs) problems.push(`took ${Math.round(ms)} ms`);
    if (body.length > maxBodyCharacters) problems.push(`${body.length} characters`);
    problems.push(...words.filter((word) => body.includes(word)).map((word) => `tells ${word}`));
    if (status >= 400)
      problems.push(...problemProblems(answer, operation.name === "GET /ready" ? [503] : []));
    else problems.push(...schemaProblems(operation, answer));
    return problems;
  };
}

/** What is wrong with a refusal; `openly` are statuses that are documented without a problem. */
export function problemProblems({ status, headers, body }: Answer, openly: readonly number[]): string[] {
  if (openly.includes(status)) return [];
  if (headers.get("content-type") !== "application/problem+json")
    return [`${status} as ${headers.get("content-type")}: ${body.slice(0, 200)}`];
  const parsed = problemSchema.safeParse(JSON.parse(body));
  if (!parsed.success) return [`no problem: ${parsed.error.message} ${body.slice(0, 300)}`];
  const problems: string[] = [];
  const { data } = parsed;
  if (data.status !== status) problems.push(`says ${data.status} with ${status}`);
  if (innerWords.test(body)) problems.push(`tells of its inside: ${body.slice(0, 300)}`);
  const retries = headers.has("retry-after");
  if (status === 429 && !retries) problems.push("429 without Retry-After");
  const isDeclared = status === 503 && retries && declaredOverload.test(data.reason);
  if (status >= 500 && !isDeclared) problems.push(`${status} ${data.reason}: ${data.detail}`);
  return problems;
}
