import { expect } from "vitest";
import { z } from "zod";

const problemSchema = z.strictObject({
  type: z.literal("about:blank"),
  title: z.string().min(1),
  status: z.number(),
  detail: z.string().min(1),
  reason: z.string().regex(/^[A-Z][A-Z0-9_]*$/),
  traceId: z.string().regex(/^([0-9a-f]{32})?$/),
  errors: z.array(z.strictObject({ field: z.string(), description: z.string() })),
});

/** A problem without what differs from request to request. */
export type Problem = Omit<z.infer<typeof problemSchema>, "traceId">;

/** Reads an answer that must be a well-formed problem. */
export async function readProblem(response: Response): Promise<Problem> {
  const body = await response.text();
  expect(response.headers.get("content-type"), body).toBe("application/problem+json");
  return parseProblem(response.status, body);
}

/** Checks the body of a problem against its status. */
export function parseProblem(status: number, body: string): Problem {
  const { traceId: _, ...problem } = problemSchema.parse(JSON.parse(body));
  expect(problem.status).toBe(status);
  return problem;
}

/** An answer in a word: its status, and the reason of a problem, e.g. `204` or `403 SCOPE_REQUIRED`. */
export async function outcomeOf(response: Response | Promise<Response>): Promise<string> {
  const answer = await response;
  if (answer.ok || answer.status < 400) {
    await answer.body?.cancel();
    return String(answer.status);
  }
  const { status, reason } = await readProblem(answer);
  return `${status} ${reason}`;
}
