import type { Logger } from "@ocelli/chassis";
import type { MailTransport } from "./transport.ts";

/** Writes mail to the log, for installations without a mail server: their operator passes the links on. */
export function createLogTransport(log: Logger): MailTransport {
  return {
    async send({ to, subject, text }) {
      log.info(
        // Line by line: in one text the end of a link would run into an escaped line break, and be copied with it.
        { mail: [`To: ${to}`, `Subject: ${subject}`, ...text.split("\n").filter((line) => line !== "")] },
        "no mail server is set (SMTP_URL), so this mail is only written here",
      );
    },
  };
}
