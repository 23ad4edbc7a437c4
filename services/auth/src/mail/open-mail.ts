import type { Relay, Runtime, ServiceHost } from "@ocelli/chassis";
import type { AuthConfig } from "../config.ts";
import type { AuthTables } from "../store/tables.ts";
import { createLogTransport } from "./log-transport.ts";
import { createMailSender } from "./mail-sender.ts";
import { parseSmtpUrl } from "./smtp-address.ts";
import { createSmtpTransport } from "./smtp-transport.ts";

/** Sending of the mail that one service queues. */
export interface OpenMail {
  /** The service's relay; its kick after a commit also wakes the sender. */
  relay: Pick<Relay, "kick">;
  /** Begins to send; it ends with the service. */
  start(): void;
}

/** Sets sending up as configured: through a mail server, or into the log. */
export function openMail(host: ServiceHost<AuthTables>, config: AuthConfig, runtime: Runtime): OpenMail {
  const { log, relay } = host;
  const server = config.smtpUrl && parseSmtpUrl(config.smtpUrl.reveal());
  const sender = createMailSender({
    db: host.database.db,
    transport: server
      ? createSmtpTransport({ server, from: config.mailFrom, insecure: config.smtpInsecure })
      : createLogTransport(log),
    log,
    now: runtime.now,
    publicUrl: config.publicUrl,
    secret: config.keySecret,
    stopGraceMs: config.shutdownGraceMs,
  });
  host.onStop(() => sender.stop());
  return {
    relay: {
      kick() {
        relay.kick();
        sender.kick();
      },
    },
    start: () => sender.start(),
  };
}
