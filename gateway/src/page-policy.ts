/**
 * Content-Security-Policy of pages that hold a secret or show what others wrote: only our own script runs, it talks to this
 * server only, and it cannot make markup of text.
 */
export const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");
