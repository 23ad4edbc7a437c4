import type { Secret } from "@ocelli/chassis";
import type { Transaction } from "kysely";
import { insertMail } from "../store/mails.ts";
import type { AuthTables } from "../store/tables.ts";
import { createMailContents } from "./mail-content.ts";

/** Every e-mail that Ocelli sends, with the values of its template. */
export type Mail =
  | { template: "verify-email"; name: string; token: string }
  | { template: "welcome"; name: string }
  | { template: "reset-password"; name: string; token: string }
  | { template: "invitation"; name: string; token: string }
  | { template: "password-changed"; name: string }
  | { template: "email-change-requested"; name: string; newEmail: string }
  | { template: "new-sign-in"; name: string; at: string; address: string; userAgent: string }
  | { template: "two-factor-changed"; name: string; enabled: boolean }
  | { template: "recovery-code-used"; name: string; left: number }
  | { template: "identity-linked"; name: string; provider: string }
  | { template: "identity-unlinked"; name: string; provider: string };

/** Where an e-mail goes. */
export interface Recipient {
  email: string;
  userId: string;
}

/** Takes e-mail on its way; a request never waits for a mail server. */
export interface Mailer {
  /** Writes the mail into the outbox of the caller's transaction; it is sent after the commit, with retries. */
  queue(trx: Transaction<AuthTables>, recipient: Recipient, mail: Mail): Promise<void>;
}

/** What {@link createMailer} needs. */
export interface MailerDependencies {
  now: () => Date;
  newId: () => string;
  /** Encrypts what mails say in the store. */
  secret: Secret | undefined;
}

/** Creates the mailer. Nothing is sent without a sender, in whichever process. */
export function createMailer({ now, newId, secret }: MailerDependencies): Mailer {
  const contents = createMailContents(secret);
  return {
    async queue(trx, recipient, mail) {
      const id = newId();
      await insertMail(trx, {
        id,
        userId: recipient.userId,
        recipient: recipient.email,
        template: mail.template,
        ...contents.seal(id, mail),
        createdAt: now(),
      });
    },
  };
}
