import { z } from "zod";
import { parseKeyValues } from "../telemetry/key-value-list.ts";
import { Secret } from "./settings.ts";

const sizeUnits: Record<string, number> = {
  "": 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};
const durationUnits: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A whole number within bounds. */
export function integer(min: number, max: number): z.ZodType<number, string> {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^-?\d{1,15}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
}

/** A fraction within bounds. */
export function fraction(min: number, max: number): z.ZodType<number, string> {
  const message = `must be a number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^-?\d{0,9}(\.\d{1,9})?$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
}

/** A byte size such as `50mb` or `64kib`; the value is in bytes. */
export const byteSize: z.ZodType<number, string> = z.string().transform((text, context) => {
  const match = /^(\d{1,12})\s*(kb|mb|gb|kib|mib|gib)?$/i.exec(text);
  const bytes = match && Number(match[1]) * (sizeUnits[(match[2] ?? "").toLowerCase()] ?? 1);
  if (bytes !== null && Number.isSafeInteger(bytes)) return bytes;
  context.addIssue("must be a size such as 50mb");
  return z.NEVER;
});

/** A duration such as `30s` or `10m`; the value is in milliseconds. */
export const duration: z.ZodType<number, string> = z.string().transform((text, context) => {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/i.exec(text);
  if (match) return Number(match[1]) * (durationUnits[(match[2] ?? "").toLowerCase()] ?? 1);
  context.addIssue("must be a duration such as 30s or 10m");
  return z.NEVER;
});

/** `true` or `false`. */
export const flag: z.ZodType<boolean, string> = z
  .string()
  .regex(/^(true|false|1|0|yes|no)$/i, "must be true or false")
  .transform((text) => /^(true|1|yes)$/i.test(text));

/** Text that must not leak. */
export const secret: z.ZodType<Secret, string> = z
  .string()
  .min(16, "must have at least 16 characters")
  .transform((text) => new Secret(text));

/** `key=value,key=value`, as OpenTelemetry writes lists. */
export const keyValues: z.ZodType<Readonly<Record<string, string>>, string> = z
  .string()
  .transform((text, context) => {
    try {
      return parseKeyValues(text);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      context.addIssue(`must be a list such as key=value,key=value: ${reason}`);
      return z.NEVER;
    }
  });

/** {@link keyValues} whose values must not leak; the secret is the text. */
export const secretKeyValues: z.ZodType<Secret, string> = z.string().transform((text, context) => {
  if (keyValues.safeParse(text).success) return new Secret(text);
  context.addIssue("must be a list such as key=value,key=value");
  return z.NEVER;
});

/** One of a list of words. */
export function oneOf<const T extends string>(words: readonly T[]): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    const word = words.find((each) => each === text);
    if (word !== undefined) return word;
    context.addIssue(`must be one of ${words.join(", ")}`);
    return z.NEVER;
  });
}

/** Any text within a length. */
export function text(maxLength = 1000): z.ZodType<string, string> {
  return z.string().max(maxLength, `must have at most ${maxLength} characters`);
}

/** A URL with one of the given schemes. */
export function url(...schemes: string[]): z.ZodType<string, string> {
  return z.string().refine(
    (value) => {
      const parsed = URL.parse(value);
      return parsed !== null && schemes.includes(parsed.protocol.replace(":", ""));
    },
    `must be a URL starting with ${schemes.map((scheme) => `${scheme}://`).join(" or ")}`,
  );
}

/**
 * Address under which people reach an installation, for links: http or https, perhaps with a path. The value has no slash
 * at its end, so that paths can be appended.
 */
export const publicUrl: z.ZodType<string, string> = z
  .string()
  .max(500, "must have at most 500 characters")
  .refine((text) => {
    const parsed = URL.parse(text);
    // Also an empty query or fragment would stand between the address and a path put behind it.
    if (!parsed || /[?#]/.test(text) || parsed.username || parsed.password) return false;
    return parsed.protocol === "http:" || parsed.protocol === "https:";
  }, "must be an http:// or https:// URL without query, fragment or password")
  .transform((text) => new URL(text).href.replace(/\/+$/, ""));

/** `host:port` of a gRPC server, or `dns:///host:port`, which says that all addresses of the name are to be used. */
export const grpcAddress: z.ZodType<string, string> = z
  .string()
  .regex(
    /^(?:dns:\/\/\/)?[A-Za-z0-9_.-]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/,
    "must be host:port or dns:///host:port",
  )
  .refine((address) => {
    const port = Number(address.slice(address.lastIndexOf(":") + 1));
    return port >= 1 && port <= 65_535;
  }, "must be host:port with a port from 1 to 65535");

/** Comma-separated URLs of one cluster, each with one of the given schemes. */
export function urlList(...schemes: string[]): z.ZodType<string, string> {
  const one = url(...schemes);
  return z
    .string()
    .refine(
      (value) => value.split(",").every((each) => one.safeParse(each.trim()).success),
      `must be one or more comma-separated URLs starting with ${schemes.map((scheme) => `${scheme}://`).join(" or ")}`,
    );
}
