import { AppError } from "@ocelli/chassis";
import { parseWebhookUrl, type UrlPolicy } from "./net/webhook-url.ts";
import type { SafeFetch } from "./safe-fetch.ts";
import { signatureHeaders } from "./webhook-signature.ts";

/** What a receiver gets: the same as readers of the live streams. */
export interface WebhookMessage {
  /** Id of the feed's entry. */
  id: number;
  type: string;
  at: Date;
  subjectId: string;
  data: Record<string, unknown>;
}

/** What is sent to whom. */
export interface Outgoing {
  url: string;
  /** The same in every attempt. */
  messageId: string;
  message: WebhookMessage;
  /** Key of the signature. */
  key: Buffer;
}

/** How an attempt went. */
export interface AttemptOutcome {
  delivered: boolean;
  /** 0 without an answer. */
  httpStatus: number;
  /** Empty when delivered. */
  error: string;
}

/** What {@link sendMessage} stands on. */
export interface Sender {
  fetch: Pick<SafeFetch, "post">;
  policy: UrlPolicy;
  now: () => Date;
}

/** Signs a message and sends it once. Only an answer 2xx counts. Never rejects. */
export async function sendMessage(sender: Sender, outgoing: Outgoing): Promise<AttemptOutcome> {
  let url: URL;
  try {
    // Again: what was allowed when the webhook was made may not be so any more.
    url = parseWebhookUrl(outgoing.url, sender.policy);
  } catch (error) {
    return { delivered: false, httpStatus: 0, error: AppError.from(error).message };
  }
  const body = JSON.stringify(outgoing.message);
  const { status, error } = await sender.fetch.post(url, body, {
    ...signatureHeaders(outgoing.key, outgoing.messageId, sender.now(), body),
    "content-type": "application/json",
    "user-agent": "Ocelli-Webhooks/1.0",
  });
  if (status === 0) return { delivered: false, httpStatus: 0, error };
  const delivered = status >= 200 && status < 300;
  return { delivered, httpStatus: status, error: delivered ? "" : `the receiver answered ${status}` };
}
