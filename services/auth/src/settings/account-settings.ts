import { setting, settingTypes } from "@ocelli/chassis";
import { z } from "zod";

/** At most so many attempts within any window of so long. */
export interface AttemptRate {
  /** Infinity when the limit is off. */
  max: number;
  windowMs: number;
}

const dayMs = 86_400_000;
const rateMessage = "must be a count and a window such as 200/15m, or off";

/** A limit such as `200/15m` (200 attempts in 15 minutes), or `off`. */
export const attemptRate: z.ZodType<AttemptRate, string> = z.string().transform((text, context) => {
  if (/^off$/i.test(text)) return { max: Number.POSITIVE_INFINITY, windowMs: 0 };
  const match = /^(\d{1,7})\s*\/\s*(\w{2,11})$/.exec(text);
  const max = Number(match?.[1]);
  const window = settingTypes.duration.safeParse(match?.[2] ?? "");
  if (max >= 1 && window.success && window.data >= 1000 && window.data <= dayMs) {
    return { max, windowMs: window.data };
  }
  context.addIssue(`${rateMessage}; at least 1 attempt, windows from 1s to 1d`);
  return z.NEVER;
});

function limit(env: string, text: string, what: string) {
  return setting(env, attemptRate, {
    default: attemptRate.parse(text),
    defaultDoc: text,
    doc: `${what}, as count/window, or \`off\`. Counted in the store, shared by all replicas.`,
  });
}

/** Settings of accounts and of the limits on attempts. */
export const accountSettings = {
  signUp: setting<"open" | "closed">("AUTH_SIGN_UP", settingTypes.oneOf(["open", "closed"]), {
    default: "open",
    doc: "`open` lets everybody create an account; `closed` only the very first user, who becomes administrator and creates the others.",
  }),
  requireVerifiedEmail: setting("AUTH_REQUIRE_VERIFIED_EMAIL", settingTypes.flag, {
    default: false,
    doc: "Whether a login needs a confirmed e-mail address. Needs a mail server (SMTP_URL) to be of use.",
  }),
  loginAddressLimit: limit("AUTH_LIMIT_LOGIN_ADDRESS", "200/15m", "Logins from one client address"),
  loginAccountLimit: limit(
    "AUTH_LIMIT_LOGIN_ACCOUNT",
    "100/1h",
    "Logins to one account from all addresses that it never logged in from",
  ),
  signUpAddressLimit: limit("AUTH_LIMIT_SIGN_UP_ADDRESS", "60/1h", "Sign-ups from one client address"),
  resetAddressLimit: limit(
    "AUTH_LIMIT_RESET_ADDRESS",
    "30/1h",
    "Requests for reset and verification links from one client address",
  ),
  resetAccountLimit: limit(
    "AUTH_LIMIT_RESET_ACCOUNT",
    "5/1h",
    "Requests for reset and verification links of one account",
  ),
  codeAccountLimit: limit("AUTH_LIMIT_CODE_ACCOUNT", "10/15m", "Second-factor codes tried on one account"),
  tokenAddressLimit: limit(
    "AUTH_LIMIT_TOKEN_ADDRESS",
    "100/15m",
    "Wrong API keys, client secrets and link tokens from one client address",
  ),
  oidcAddressLimit: limit(
    "AUTH_LIMIT_OIDC_ADDRESS",
    "100/15m",
    "Failed logins through the OpenID provider from one client address",
  ),
  freeFailures: setting("AUTH_FREE_FAILURES", settingTypes.integer(1, 1000), {
    default: 5,
    doc: "Wrong passwords or codes in a row, from one client address on one account, after which the next attempt must wait: 1 s, then 2 s, 4 s … up to AUTH_LONGEST_DELAY.",
  }),
  longestDelayMs: setting(
    "AUTH_LONGEST_DELAY",
    settingTypes.duration.refine((ms) => ms >= 0 && ms <= dayMs, "must be at most 1d"),
    {
      default: 15 * 60_000,
      defaultDoc: "15m",
      doc: "Longest wait between two attempts after failures in a row; `0s` turns the growing delay off.",
    },
  ),
};
