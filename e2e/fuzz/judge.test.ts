import { expect, test } from "vitest";
import { type Answer, createJudge } from "./answers.ts";
import type { OpenApi, Operation } from "./openapi.ts";
import { fillIn, type Known, type Resource, resources } from "./placeholders.ts";

const operation: Operation = {
  name: "GET /api/v1/things/{id}",
  method: "GET",
  path: "/api/v1/things/{id}",
  parameters: [],
  body: undefined,
  statuses: ["200", "404", "default"],
};
const schema = { type: "object", properties: { id: { type: "string", format: "uuid" } }, required: ["id"] };
const content = { "application/json": { schema: { $ref: "#/components/schemas/Thing" } } };
const document = {
  openapi: "3.1.0",
  paths: { [operation.path]: { get: { responses: { 200: { content } } } } },
  components: { schemas: { Thing: schema } },
};
const api: OpenApi = { document, operations: [operation], resolve: (each) => each };
const judge = createJudge(api);
const id = "01890000-0000-7000-8000-000000000000";
const problem = {
  type: "about:blank",
  title: "Not Found",
  status: 404,
  detail: "There is no such thing.",
  reason: "THING_NOT_FOUND",
  traceId: "",
  errors: [],
};

function answer(
  status: number,
  body: unknown,
  type = "application/json",
  more: Record<string, string> = {},
): Answer {
  return {
    status,
    headers: new Headers({ "content-type": type, ...more }),
    body: JSON.stringify(body),
    ms: 5,
  };
}
const refusal = (status: number, change: object = {}, more: Record<string, string> = {}) =>
  answer(status, { ...problem, status, ...change }, "application/problem+json", more);
const problemsOf = (given: Answer) => judge(operation, given, { words: ["canary"] });

test("answers as documented are praised", () => {
  expect(problemsOf(answer(200, { id }))).toEqual([]);
  expect(problemsOf(refusal(404))).toEqual([]);
  expect(problemsOf(refusal(503, { reason: "ENGINE_OVERLOADED" }, { "retry-after": "1" }))).toEqual([]);
});

test.each<[string, Answer]>([
  ["a fault", refusal(500, { reason: "INTERNAL" })],
  ["an overload that does not say when to come back", refusal(503, { reason: "ENGINE_OVERLOADED" })],
  ["an overload that is none", refusal(503, { reason: "INTERNAL" }, { "retry-after": "1" })],
  ["too many requests that do not say when to come back", refusal(429)],
  ["a refusal that is no problem", answer(404, { error: "not found" })],
  ["a problem without a reason", refusal(404, { reason: "" })],
  ["a problem of another status", refusal(404, { status: 400 })],
  [
    "a problem that tells of the inside",
    refusal(404, { detail: "at Object.parse (/srv/node_modules/x.js:1:1)" }),
  ],
  ["an answer unlike its schema", answer(200, { id: "no uuid" })],
  ["an answer that lacks what is required", answer(200, {})],
  ["a status that is not documented", answer(204, "")],
  ["somebody else's data", answer(200, { id, name: "a canary" })],
  ["an answer after a long time", { ...answer(200, { id }), ms: 60_000 }],
])("%s is blamed", (_name, given) => {
  expect(problemsOf(given)).not.toEqual([]);
});

test("placeholders of requests become ids and tokens, whole or damaged", () => {
  const all = (id: string) =>
    Object.fromEntries(resources.map((name) => [name, `${id}-${name}`])) as Record<Resource, string>; // all of them
  const known: Known = { own: all("mine"), foreign: all("yours"), tokens: ["abcdef", "ghijkl"] };
  expect(fillIn("/photos/~own.photos~?x=~foreign.smart-albums~", known)).toBe(
    "/photos/mine-photos?x=yours-smart-albums",
  );
  expect(fillIn("~token.0~ ~token.3~ ~token.0.cut.2~ ~token.1.flip.1~", known)).toBe(
    "abcdef ghijkl ab gijkl".replace("gijkl", "giijkl"),
  );
});
