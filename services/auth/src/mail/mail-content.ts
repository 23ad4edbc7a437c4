import type { Secret } from "@ocelli/chassis";
import { z } from "zod";
import { deriveKey, open, seal } from "../sealing.ts";
import type { Mail } from "./mailer.ts";

/** What a mail says, as stored. */
export interface StoredContent {
  content: Buffer;
  encrypted: boolean;
}

/** Writes and reads stored mails: they hold links that open accounts, so they are encrypted where a secret is set. */
export interface MailContents {
  /** The id is bound to the result: content moved to another mail does not open. */
  seal(mailId: string, mail: Mail): StoredContent;
  /** @throws Error when it was sealed with another secret, or is not a mail. */
  open(mailId: string, stored: StoredContent): Mail;
}

const name = z.string();
const token = z.string();
const mailSchema: z.ZodType<Mail> = z.discriminatedUnion("template", [
  z.object({ template: z.literal("verify-email"), name, token }),
  z.object({ template: z.literal("welcome"), name }),
  z.object({ template: z.literal("reset-password"), name, token }),
  z.object({ template: z.literal("invitation"), name, token }),
  z.object({ template: z.literal("password-changed"), name }),
  z.object({ template: z.literal("email-change-requested"), name, newEmail: z.string() }),
  z.object({
    template: z.literal("new-sign-in"),
    name,
    at: z.string(),
    address: z.string(),
    userAgent: z.string(),
  }),
  z.object({ template: z.literal("two-factor-changed"), name, enabled: z.boolean() }),
  z.object({ template: z.literal("recovery-code-used"), name, left: z.int() }),
  z.object({ template: z.literal("identity-linked"), name, provider: z.string() }),
  z.object({ template: z.literal("identity-unlinked"), name, provider: z.string() }),
]);

/** Creates them; without a secret new mails are stored readable. */
export function createMailContents(secret: Secret | undefined): MailContents {
  const key = secret ? deriveKey(secret.reveal(), "ocelli auth mail") : undefined;
  return {
    seal(mailId, mail) {
      const text = JSON.stringify(mail);
      return key
        ? { content: seal(key, text, mailId), encrypted: true }
        : { content: Buffer.from(text), encrypted: false };
    },
    open(mailId, { content, encrypted }) {
      if (encrypted && !key) throw new Error("the mail is encrypted, and AUTH_KEY_SECRET is not set");
      const text = encrypted && key ? open(key, content, mailId) : content.toString("utf8");
      return mailSchema.parse(JSON.parse(text));
    },
  };
}
