import { setTimeout as delay } from "node:timers/promises";
import type { z } from "zod";
import { problemSchema } from "./schemas.ts";

/** A refusal of the server. */
export class ApiError extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, detail: string) {
    super(`${detail} (${reason})`);
    this.status = status;
    this.reason = reason;
  }
}

/** What {@link createApi} needs. */
export interface ApiOptions {
  /** Base URL of a running Ocelli. */
  url: string;
  apiKey: string;
  signal: AbortSignal;
}

/** A request; `body` makes it anew for each attempt. */
export interface ApiRequest {
  method: string;
  headers?: Record<string, string>;
  body?: () => Promise<RequestInit["body"]>;
}

/** A running Ocelli, asked until it answers: it may restart, and it may be busy. */
export interface Api {
  send(path: string, request: ApiRequest): Promise<Response>;
  json<S extends z.ZodType>(
    path: string,
    schema: S,
    request: { method: string; body?: unknown },
  ): Promise<z.infer<S>>;
}

const attempts = 8;
const firstPauseMs = 300;
const longestPauseMs = 30_000;
const passing = new Set([408, 423, 429, 500, 502, 503, 504]);

/** Opens a running Ocelli. @throws ApiError for what it refuses, Error when it does not answer for minutes. */
export function createApi({ url, apiKey, signal }: ApiOptions): Api {
  const base = `${url.replace(/\/+$/, "")}/api/v1`;

  async function attempt(path: string, request: ApiRequest): Promise<Response> {
    const body = await request.body?.();
    const answer = await fetch(`${base}${path}`, {
      method: request.method,
      headers: { ...request.headers, "x-api-key": apiKey },
      signal,
      redirect: "error",
      ...(body === undefined ? {} : { body, duplex: "half" }),
    });
    if (answer.ok) return answer;
    throw new RefusedAnswer(await toError(answer), retryAfterOf(answer));
  }

  async function send(path: string, request: ApiRequest): Promise<Response> {
    for (let count = 1; ; count += 1) {
      try {
        return await attempt(path, request);
      } catch (error) {
        signal.throwIfAborted();
        const refused = error instanceof RefusedAnswer ? error : undefined;
        const isPassing = refused ? passing.has(refused.error.status) : true;
        if (!isPassing || count >= attempts) throw refused?.error ?? explainNetwork(error);
        const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** count);
        await delay(Math.max(refused?.retryAfterMs ?? 0, pause), undefined, { signal });
      }
    }
  }

  return {
    send,
    async json(path, schema, { method, body }) {
      const request: ApiRequest = { method, headers: { accept: "application/json" } };
      if (body !== undefined) {
        request.headers = { ...request.headers, "content-type": "application/json" };
        request.body = async () => JSON.stringify(body);
      }
      return schema.parse(await (await send(path, request)).json());
    },
  };
}

class RefusedAnswer extends Error {
  readonly error: ApiError;
  readonly retryAfterMs: number;

  constructor(error: ApiError, retryAfterMs: number) {
    super(error.message);
    this.error = error;
    this.retryAfterMs = retryAfterMs;
  }
}

async function toError(answer: Response): Promise<ApiError> {
  const problem = problemSchema.safeParse(await answer.json().catch(() => undefined));
  if (!problem.success) return new ApiError(answer.status, "UNKNOWN", `HTTP ${answer.status}`);
  return new ApiError(answer.status, problem.data.reason, problem.data.detail);
}

function retryAfterOf(answer: Response): number {
  const seconds = Number(answer.headers.get("retry-after") ?? 0);
  return Number.isFinite(seconds) ? Math.min(longestPauseMs, Math.max(0, seconds * 1000)) : 0;
}

/** The reason of a failed connection is its cause. */
function explainNetwork(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const cause = error.cause instanceof Error ? error.cause : error;
  return new Error(cause.message || ("code" in cause ? String(cause.code) : error.message), { cause: error });
}
