import type { Logger, Secret } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import { type ClaimedMail, deleteMail, postponeMail } from "../store/mails.ts";
import type { AuthTables } from "../store/tables.ts";
import { linkLifetimes } from "./link-lifetimes.ts";
import { createMailContents } from "./mail-content.ts";
import { mailRetryDelaysMs } from "./retry-schedule.ts";
import { writeMail } from "./templates.ts";
import { DeliveryError, type MailTransport } from "./transport.ts";

/** What {@link createDelivery} needs. */
export interface DeliveryDependencies {
  db: Kysely<AuthTables>;
  transport: MailTransport;
  log: Logger;
  now: () => Date;
  publicUrl: string;
  /** Opens what the mailer encrypted. */
  secret: Secret | undefined;
  /** Pauses between attempts; the one after the last is the end. */
  retryDelaysMs?: readonly number[];
}

/** Makes one attempt at a claimed mail, and notes in the store how it ended; rejects only when the store fails. */
export type Delivery = (mail: ClaimedMail, signal: AbortSignal) => Promise<void>;

/** Creates it. Logs say which mail and why, never to whom or what. */
export function createDelivery(dependencies: DeliveryDependencies): Delivery {
  const { db, transport, log, now, publicUrl, retryDelaysMs = mailRetryDelaysMs } = dependencies;
  const contents = createMailContents(dependencies.secret);

  async function attempt(mail: ClaimedMail, signal: AbortSignal): Promise<DeliveryError | undefined> {
    try {
      const letter = writeMail(contents.open(mail.id, mail), { publicUrl });
      await transport.send({ id: mail.id, to: mail.recipient, ...letter }, signal);
      return undefined;
    } catch (error) {
      if (error instanceof DeliveryError) return error;
      // Another replica may have the secret that this one lacks.
      return new DeliveryError("UNREADABLE", { permanent: false });
    }
  }

  return async (mail, signal) => {
    const fields = { mailId: mail.id, template: mail.template, attempt: mail.attempt };
    if (hasExpired(mail, now())) {
      await deleteMail(db, mail);
      log.warn(fields, "mail dropped: its link does not work any more");
      return;
    }
    const failure = await attempt(mail, signal);
    if (!failure) return deleteMail(db, mail);
    const delayMs = retryDelaysMs[mail.attempt - 1];
    const reason = failure.message;
    if (failure.permanent || delayMs === undefined) {
      await deleteMail(db, mail);
      log.error({ ...fields, reason }, "mail given up");
      return;
    }
    const nextAttemptAt = new Date(now().getTime() + delayMs);
    await postponeMail(db, mail, { nextAttemptAt, error: reason });
    log.warn({ ...fields, reason, nextAttemptAt }, "mail could not be sent; trying again later");
  };
}

function hasExpired({ template, createdAt }: ClaimedMail, now: Date): boolean {
  const lifetimeMs = Object.entries(linkLifetimes).find(([name]) => name === template)?.[1];
  return lifetimeMs !== undefined && now.getTime() >= createdAt.getTime() + lifetimeMs;
}
