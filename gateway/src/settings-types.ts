import { z } from "zod";
import { type Cidr, parseCidrs } from "./client-address.ts";
import type { RateLimit } from "./rate-limits.ts";

/** Comma-separated addresses and ranges. */
export const cidrList: z.ZodType<readonly Cidr[], string> = z.string().transform((text, context) => {
  const parsed = parseCidrs(text);
  if (!("bad" in parsed)) return parsed;
  context.addIssue(`must be addresses or ranges such as 10.0.0.0/8 divided by commas, not ${parsed.bad}`);
  return z.NEVER;
});

/** Comma-separated origins, exactly as browsers send them. */
export const originList: z.ZodType<readonly string[], string> = z.string().transform((text, context) => {
  const origins = text.split(",").map((each) => each.trim());
  const bad = origins.find((each) => !isOrigin(each));
  if (bad === undefined) return origins;
  const why = bad.includes("*") ? "every origin has to be named" : "scheme, host and port only";
  context.addIssue(`must be origins such as https://photos.example.org divided by commas (${why})`);
  return z.NEVER;
});

/** So many requests in so much time, such as `120/1m`; `off` for as many as may come. */
export const rateLimit: z.ZodType<RateLimit | "off", string> = z.string().transform((text, context) => {
  if (text === "off") return text;
  const [, limit, amount, unit] = /^(\d{1,9})\/(\d{1,5})(s|m|h)$/.exec(text) ?? [];
  const windowMs = Number(amount) * ({ s: 1000, m: 60_000, h: 3_600_000 }[unit ?? ""] ?? 0);
  if (Number(limit) >= 1 && windowMs >= 1000 && windowMs <= 24 * 3_600_000)
    return { limit: Number(limit), windowMs };
  context.addIssue("must be off, or requests per time such as 120/1m, with a time of 1s to 24h");
  return z.NEVER;
});

function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  return (
    url?.origin === text && (url.protocol === "https:" || url.protocol === "http:") && !text.includes("*")
  );
}
