import type { Kysely, Transaction } from "kysely";
import type { AuthTables } from "./tables.ts";

/** An e-mail to be sent. */
export interface NewMail {
  id: string;
  /** Account with which it is deleted. */
  userId: string;
  recipient: string;
  template: string;
  content: Buffer;
  encrypted: boolean;
  createdAt: Date;
}

/** An e-mail that one sender has in hand until its lease ends. */
export interface ClaimedMail {
  id: string;
  recipient: string;
  template: string;
  content: Buffer;
  encrypted: boolean;
  createdAt: Date;
  /** Which attempt this is, from 1; tells whose claim it is when a lease ended meanwhile. */
  attempt: number;
}

/** Adds a mail, due at once. */
export async function insertMail(trx: Transaction<AuthTables>, mail: NewMail): Promise<void> {
  await trx
    .insertInto("mails")
    .values({
      id: mail.id,
      user_id: mail.userId,
      recipient: mail.recipient,
      template: mail.template,
      content: mail.content,
      encrypted: mail.encrypted,
      created_at: mail.createdAt,
      next_attempt_at: mail.createdAt,
    })
    .execute();
}

/**
 * Takes mails that are due, the longest waiting first. One statement, so no transaction stays open while a mail
 * server is talked to; other senders skip rows being claimed, and find claimed ones not due before the lease ends.
 */
export async function claimMails(
  db: Kysely<AuthTables>,
  { now, leaseUntil, limit }: { now: Date; leaseUntil: Date; limit: number },
): Promise<ClaimedMail[]> {
  return (
    db
      // Materialized: a plain subquery may be run again for each row, and claim more than the limit.
      .with(
        (cte) => cte("due").materialized(),
        (query) =>
          query
            .selectFrom("mails")
            .select("id")
            .where("next_attempt_at", "<=", now)
            .orderBy("next_attempt_at")
            .limit(limit)
            .forUpdate()
            .skipLocked(),
      )
      .updateTable("mails")
      .from("due")
      .set((eb) => ({ attempts: eb("mails.attempts", "+", 1), next_attempt_at: leaseUntil }))
      .whereRef("mails.id", "=", "due.id")
      .returning([
        "mails.id",
        "mails.recipient",
        "mails.template",
        "mails.content",
        "mails.encrypted",
        "mails.created_at as createdAt",
        "mails.attempts as attempt",
      ])
      .execute()
  );
}

/** Deletes a mail that is done with, unless another sender has it in hand by now. */
export async function deleteMail(
  db: Kysely<AuthTables>,
  { id, attempt }: Pick<ClaimedMail, "id" | "attempt">,
): Promise<void> {
  await db.deleteFrom("mails").where("id", "=", id).where("attempts", "=", attempt).execute();
}

/** Puts a mail back until its next attempt, unless another sender has it in hand by now. */
export async function postponeMail(
  db: Kysely<AuthTables>,
  { id, attempt }: Pick<ClaimedMail, "id" | "attempt">,
  { nextAttemptAt, error }: { nextAttemptAt: Date; error: string },
): Promise<void> {
  await db
    .updateTable("mails")
    .set({ next_attempt_at: nextAttemptAt, last_error: error })
    .where("id", "=", id)
    .where("attempts", "=", attempt)
    .execute();
}
