/** A mail ready to be handed over. */
export interface OutgoingMail {
  /** Id in the store: the same at every attempt, so that receivers recognise a mail they have already. */
  id: string;
  to: string;
  subject: string;
  text: string;
  html: string;
}

/** Hands mail over: to a mail server, or to the log. */
export interface MailTransport {
  /**
   * Ends when the other side has taken responsibility for the mail.
   * @throws DeliveryError when it has not.
   */
  send(mail: OutgoingMail, signal: AbortSignal): Promise<void>;
}

/** A mail was not taken. Its message says why in codes, without address or content, and is fit for logs. */
export class DeliveryError extends Error {
  override readonly name = "DeliveryError";
  /** Whether every further attempt would end alike. */
  readonly permanent: boolean;

  constructor(reason: string, { permanent }: { permanent: boolean }) {
    super(reason);
    this.permanent = permanent;
  }
}
