import { vi } from "vitest";
import type { RunningAuth } from "./running-auth.ts";

/** A mail as an installation without a mail server writes it to its log. */
export interface SentMail {
  to: string;
  subject: string;
  text: string;
  /** Token of its link; empty when it has none. */
  token: string;
}

/** Every mail sent to an address so far, oldest first. */
export function mailsTo(auth: Pick<RunningAuth, "logLines">, to: string): SentMail[] {
  return auth.logLines.flatMap((line) => {
    if (!line.includes("no mail server is set")) return [];
    // The log's own line; see `createLogTransport`.
    const { mail } = JSON.parse(line) as { mail: string[] };
    const [recipient = "", subject = "", ...lines] = mail;
    if (recipient !== `To: ${to}`) return [];
    const text = lines.join("\n");
    const token = /#token=(ocelli_at_[\w-]+)/.exec(text)?.[1] ?? "";
    return [{ to, subject: subject.replace(/^Subject: /, ""), text, token }];
  });
}

/** The newest link sent to an address, waiting until there are `count` mails with one. */
export async function linkTo(auth: Pick<RunningAuth, "logLines">, to: string, count = 1): Promise<string> {
  const links = await vi.waitFor(() => {
    const tokens = mailsTo(auth, to).flatMap((mail) => (mail.token === "" ? [] : [mail.token]));
    if (tokens.length < count) throw new Error(`${tokens.length} of ${count} links were sent`);
    return tokens;
  }, 5000);
  return links.at(-1) ?? "";
}
