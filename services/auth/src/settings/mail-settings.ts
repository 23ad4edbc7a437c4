import { optionalSetting, publicUrlSettings, Secret, setting, settingTypes } from "@ocelli/chassis";
import { z } from "zod";
import { type Mailbox, parseMailbox, parseSmtpUrl } from "../mail/smtp-address.ts";

const smtpUrl = z
  .string()
  .refine(
    (text) => parseSmtpUrl(text) !== undefined,
    "must look like smtp://user:password@host:587 or smtps://user:password@host, special characters percent-encoded",
  )
  .transform((text) => new Secret(text));

const mailbox: z.ZodType<Mailbox, string> = z.string().transform((text, context) => {
  const parsed = parseMailbox(text);
  if (parsed) return parsed;
  context.addIssue("must look like ocelli@example.org or Ocelli <ocelli@example.org>");
  return z.NEVER;
});

/** Sending e-mail. */
export const mailSettings = {
  ...publicUrlSettings,
  smtpUrl: optionalSetting("SMTP_URL", smtpUrl, {
    doc: "Mail server, as `smtp://user:password@host:587` (STARTTLS) or `smtps://user:password@host` (TLS from the start, port 465). Without it no mail is sent: its text, links included, is written to the log (level info, field `mail`), where an operator can copy it.",
    confidential: true,
  }),
  smtpInsecure: setting("SMTP_INSECURE", settingTypes.flag, {
    default: false,
    doc: "Lets mail travel without TLS, or with a certificate that nobody vouches for. A server on this machine (localhost) never needs it.",
  }),
  mailFrom: setting("MAIL_FROM", mailbox, {
    default: { name: "Ocelli", address: "ocelli@localhost" },
    defaultDoc: "`Ocelli <ocelli@localhost>`",
    doc: "Sender of the mail.",
  }),
};
