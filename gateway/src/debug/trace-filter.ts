import { z } from "@hono/zod-openapi";
import type { TraceSummary } from "./trace-view.ts";

/** What a query may ask of the list; anything else is refused. */
export const traceFilterSchema = z.strictObject({
  /** Part of `METHOD /route`, in any case. */
  route: z.string().max(200).default(""),
  /** A status such as 404, a class such as 4xx, or `failed` for traces with a failed span or a 5xx answer. */
  status: z
    .string()
    .regex(/^([1-5]\d\d|[1-5]xx|failed)?$/, "must be a status, a class such as 4xx, or failed")
    .default(""),
  /** Least milliseconds from the first beginning to the last end. */
  minMs: z
    .string()
    .regex(/^\d{0,7}$/, "must be a whole number of milliseconds")
    .default("")
    .transform(Number),
  /** Also what the process did without a request. */
  background: z
    .enum(["true", "false"])
    .default("false")
    .transform((text) => text === "true"),
});

/** A checked query. */
export type TraceFilter = z.infer<typeof traceFilterSchema>;

/** Whether a trace is asked for. */
export function fits(trace: TraceSummary, filter: TraceFilter): boolean {
  const { request } = trace;
  if (!request && !filter.background) return false;
  if (trace.durationUs < filter.minMs * 1000) return false;
  const title = request ? `${request.method} ${request.route}` : trace.name;
  if (!title.toLowerCase().includes(filter.route.toLowerCase())) return false;
  return hasStatus(trace, filter.status);
}

function hasStatus({ request, failed }: TraceSummary, status: string): boolean {
  if (status === "") return true;
  if (status === "failed") return failed > 0 || (request?.status ?? 0) >= 500;
  const actual = String(request?.status ?? "");
  return status.endsWith("xx") ? actual.startsWith(status.charAt(0)) : actual === status;
}
