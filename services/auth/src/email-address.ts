import { domainToASCII } from "node:url";
import { z } from "zod";

/** An address as people write it, and the form by which accounts are told apart. */
export interface EmailAddress {
  /** As given, trimmed. */
  shown: string;
  /** NFKC, lower case, domain in its ASCII form: equal for addresses that reach the same mailbox. */
  canonical: string;
}

// RFC 5321 section 4.5.3.1: 64 before the @, 254 for the whole address.
const maxLength = 254;
// What mail servers take unquoted; letters of every script, nothing that is invisible or reorders text.
const localPattern = /^[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+)*$/u;
// Checked before the conversion, which would otherwise read a path, port or login as a URL does, and drop it.
const unicodeDomainPattern = /^[\p{L}\p{M}\p{N}.-]+$/u;
const domainPattern = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9-]{2,63}$/;
const invisible = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u;

/** Reads an address; its messages are fit for the user. */
export const emailAddress: z.ZodType<EmailAddress, string> = z
  .string()
  .max(maxLength + 50, `must have at most ${maxLength} characters`)
  .transform((text, context) => {
    const shown = text.trim();
    const canonical = shown.length <= maxLength ? toCanonical(shown) : undefined;
    if (canonical !== undefined) return { shown, canonical };
    context.addIssue("must be an e-mail address such as name@example.org");
    return z.NEVER;
  });

function toCanonical(address: string): string | undefined {
  if (invisible.test(address)) return undefined;
  const folded = fold(address);
  const at = folded.lastIndexOf("@");
  const local = folded.slice(0, Math.max(at, 0));
  const unicodeDomain = folded.slice(at + 1);
  if (!unicodeDomainPattern.test(unicodeDomain)) return undefined;
  const domain = domainToASCII(unicodeDomain);
  const canonical = `${local}@${domain}`;
  const fits = canonical.length <= maxLength && Buffer.byteLength(local) <= 64;
  return fits && localPattern.test(local) && domainPattern.test(domain) ? canonical : undefined;
}

/** Lower-casing can undo a composition (`İ`), so it is composed again. */
function fold(address: string): string {
  return address.normalize("NFKC").toLowerCase().normalize("NFKC");
}
