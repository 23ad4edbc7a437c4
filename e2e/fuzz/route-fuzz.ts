import fc from "fast-check";
import { type Answer, createJudge } from "./answers.ts";
import type { OpenApi, Operation } from "./openapi.ts";
import { type FuzzRequest, requestsOf } from "./requests.ts";
import type { World } from "./world.ts";

/** A request whose answer was not right. */
export interface RouteFinding {
  request: FuzzRequest;
  problems: string[];
}

/** How much is asked. */
export interface RouteFuzzOptions {
  seed: number;
  /** Requests of each operation. */
  runs: number;
  /** Requests of earlier findings, sent first. */
  earlier: readonly FuzzRequest[];
}

/** What was asked, and what came of it. */
export interface RouteFuzzReport {
  requests: number;
  /** Answers by hundreds: how many 2xx, 4xx … */
  answers: Readonly<Record<string, number>>;
  /** Operations that were answered with success at least once. */
  succeeded: ReadonlySet<string>;
  findings: RouteFinding[];
}

// Enough to find a smaller request that fails as well, without asking for ever.
const shrinkingMs = 5_000;
const atOnce = 4;

/** Asks every documented operation; readers first, while there is still all to read. */
export async function fuzzRoutes(
  world: World,
  api: OpenApi,
  options: RouteFuzzOptions,
): Promise<RouteFuzzReport> {
  const judge = createJudge(api);
  const findings: RouteFinding[] = [];
  const answers: Record<string, number> = {};
  const succeeded = new Set<string>();
  let requests = 0;

  async function problemsOf(operation: Operation, request: FuzzRequest): Promise<string[]> {
    requests += 1;
    let answer: Answer;
    try {
      answer = await world.ask(request);
    } catch (error) {
      return [`no answer: ${error instanceof Error ? `${error.message} ${error.cause ?? ""}` : error}`];
    }
    const hundreds = `${Math.floor(answer.status / 100)}xx`;
    answers[hundreds] = (answers[hundreds] ?? 0) + 1;
    if (answer.status < 300) succeeded.add(operation.name);
    return judge(operation, answer, { words: world.secretsOf(request.caller) });
  }

  async function fuzz(operation: Operation): Promise<void> {
    const property = fc.asyncProperty(requestsOf(operation, api), async (request) => {
      const problems = await problemsOf(operation, request);
      if (problems.length > 0) throw new Error(problems.join("; "));
    });
    const examples = options.earlier
      .filter((each) => each.operation === operation.name)
      .map((each): [FuzzRequest] => [each]);
    const { seed, runs } = options;
    const details = await fc.check(property, {
      seed,
      numRuns: runs + examples.length,
      examples,
      interruptAfterTimeLimit: runs * 1000 + shrinkingMs,
    });
    const [request] = details.counterexample ?? [];
    if (request)
      findings.push({ request, problems: await lastProblems(operation, request, details.errorInstance) });
  }

  async function lastProblems(operation: Operation, request: FuzzRequest, error: unknown): Promise<string[]> {
    const again = await problemsOf(operation, request);
    // State may have changed since: what was seen first counts.
    return again.length > 0 ? again : [error instanceof Error ? error.message : String(error)];
  }

  const waiting = [...api.operations].sort((a, b) => rank(a) - rank(b));
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      await fuzz(next);
      if (rank(next) > 0) await world.renew();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return { requests, answers, succeeded, findings };
}

function rank({ method, path }: Operation): number {
  if (method === "GET") return 0;
  return method === "DELETE" || /logout|sessions|password|two-factor/.test(path) ? 2 : 1;
}
