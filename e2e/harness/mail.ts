import type { ParsedMail } from "@ocelli/testkit";

/** Pages of the gateway to which mails lead. */
type AccountPage = "verify-email" | "reset-password";

/** The token of a mail's link to a page, the same in text and HTML. Throws when there is no such link. */
export function linkToken(mail: ParsedMail, page: AccountPage, publicUrl: string): string {
  const link = `${publicUrl}/account/${page}#token=`;
  const tokens = [mail.text, mail.html].map((part) => {
    const [, rest] = (part ?? "").split(link);
    return /^[A-Za-z0-9_-]+/.exec(rest ?? "")?.[0];
  });
  const [token] = tokens;
  if (!token || tokens[1] !== token) throw new Error(`no link to ${link} in:\n${mail.text}\n${mail.html}`);
  return token;
}

/** True for mails to an address with a subject. */
export function mailTo(address: string, subject: RegExp): (mail: ParsedMail) => boolean {
  return (mail) => mail.envelope.to.includes(address) && subject.test(mail.subject ?? "");
}
