import { trace } from "@opentelemetry/api";
import { type DestinationStream, type Logger, pino } from "pino";

export type { Logger } from "pino";

/** Settings of {@link createLogger}. */
export interface LoggerOptions {
  level: string;
  /** `pretty` for people, `json` for collectors. */
  format: "json" | "pretty";
  destination?: DestinationStream;
}

// Names under which secrets could reach a log line by accident.
const redactedPaths = [
  "password",
  "token",
  "accessToken",
  "refreshToken",
  "authorization",
  "email",
  "secret",
  "apiKey",
  "clientSecret",
  "cookie",
  "csrfToken",
  "currentPassword",
  "newPassword",
];
// Where Postgres quotes the values of the row that it refused.
const redactedErrorFields = ["err.detail", "err.where"];

/** Structured logs; every line written inside a span carries its trace and span ids. */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level,
    base: {},
    redact: {
      paths: [...redactedPaths.flatMap((path) => [path, `*.${path}`]), ...redactedErrorFields],
      censor: "[redacted]",
    },
    mixin: currentTraceIds,
  };
  if (options.destination) return pino(settings, options.destination);
  if (options.format === "json") return pino(settings);
  const target = {
    target: "pino-pretty",
    options: { colorize: process.stdout.isTTY, ignore: "traceId,spanId" },
  };
  return pino({ ...settings, transport: target });
}

function currentTraceIds(): Record<string, string> {
  const context = trace.getActiveSpan()?.spanContext();
  return context ? { traceId: context.traceId, spanId: context.spanId } : {};
}
