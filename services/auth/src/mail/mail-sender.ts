import type { Logger } from "@ocelli/chassis";
import { createWaker, pause } from "@ocelli/chassis/events/waker";
import type { Kysely } from "kysely";
import { claimMails } from "../store/mails.ts";
import type { AuthTables } from "../store/tables.ts";
import { createDelivery, type DeliveryDependencies } from "./delivery.ts";

/** Sends what the store holds. Several may work on one store: each mail is in the hands of one at a time. */
export interface MailSender {
  start(): void;
  /** Says that a transaction which may have queued mail has committed. */
  kick(): void;
  /** Takes no more mails and finishes those in hand; whatever lasts longer than the grace is left for later. */
  stop(): Promise<void>;
}

/** What {@link createMailSender} needs. */
export interface MailSenderDependencies extends Omit<DeliveryDependencies, "db"> {
  db: Kysely<AuthTables>;
  log: Logger;
  now: () => Date;
  /** How long {@link MailSender.stop} waits for mails in hand. */
  stopGraceMs: number;
  /** How often due mails are looked for that nobody kicked for: retries, and what other processes queued. */
  pollMs?: number;
}

/** Mails in hand at once, each over a connection of its own. */
const batch = 4;
/** The longest a mail may be in hand, whatever the mail server does. */
const sendTimeoutMs = 60_000;
/** When a mail is due again if whoever had it in hand died: long after he must have let it go, clocks included. */
const leaseMs = 5 * sendTimeoutMs;
const maxPauseMs = 30_000;

/** Creates a sender. Does nothing before `start()`. */
export function createMailSender(dependencies: MailSenderDependencies): MailSender {
  const { db, log, now, stopGraceMs, pollMs = 3_000 } = dependencies;
  const deliver = createDelivery(dependencies);
  const waker = createWaker();
  const stopping = new AbortController();
  const abandoned = new AbortController();
  let loop: Promise<void> | undefined;

  async function sendDue(): Promise<boolean> {
    const at = now();
    const leaseUntil = new Date(at.getTime() + leaseMs);
    const mails = await claimMails(db, { now: at, leaseUntil, limit: batch });
    const outcomes = await Promise.allSettled(
      mails.map((mail) =>
        deliver(mail, AbortSignal.any([abandoned.signal, AbortSignal.timeout(sendTimeoutMs)])),
      ),
    );
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    return mails.length === batch;
  }

  async function run(): Promise<void> {
    let failures = 0;
    while (!stopping.signal.aborted) {
      try {
        const more = await sendDue();
        failures = 0;
        if (!more && !stopping.signal.aborted) await waker.wait(pollMs);
      } catch (error) {
        failures += 1;
        log.warn({ err: error, failures }, "the mails to send cannot be reached");
        await pause(Math.min(maxPauseMs, 100 * 2 ** failures), stopping.signal);
      }
    }
  }

  return {
    start() {
      loop ??= run();
    },
    kick: () => waker.notify(),
    async stop() {
      stopping.abort();
      waker.notify();
      const grace = setTimeout(() => abandoned.abort(), stopGraceMs);
      await loop;
      clearTimeout(grace);
    },
  };
}
