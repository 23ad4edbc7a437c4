const minuteMs = 60_000;
const dayMs = 86_400_000;

/** How long the links in e-mail work, in milliseconds: said in the text, kept by the tokens, and none is sent later. */
export const linkLifetimes = {
  "verify-email": dayMs,
  // OWASP: short, because whoever reads the mailbox later must not get the account.
  "reset-password": 30 * minuteMs,
  invitation: 7 * dayMs,
} as const;
