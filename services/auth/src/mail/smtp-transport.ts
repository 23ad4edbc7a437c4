import { domainToASCII } from "node:url";
import { createTransport } from "nodemailer";
import { isLoopbackHost, isPlainAddress, type Mailbox, type SmtpServer } from "./smtp-address.ts";
import { DeliveryError, type MailTransport } from "./transport.ts";

/** Settings of {@link createSmtpTransport}. */
export interface SmtpTransportOptions {
  server: SmtpServer;
  from: Mailbox;
  /** Allows a server elsewhere to be talked to without TLS, or with a certificate that nobody vouches for. */
  insecure: boolean;
}

const connectTimeoutMs = 10_000;
const silenceTimeoutMs = 20_000;

/** Sends mail through an SMTP server, each over a connection of its own. */
export function createSmtpTransport({ server, from, insecure }: SmtpTransportOptions): MailTransport {
  const transporter = createTransport(connectionOptions(server, insecure));
  const domain = domainToASCII(from.address.slice(from.address.lastIndexOf("@") + 1)) || "localhost";
  return {
    async send({ id, to, subject, text, html }, signal) {
      // Checked where accounts are made, too; here it keeps one mail from becoming a mail to somebody else.
      if (!isPlainAddress(to)) throw new DeliveryError("ADDRESS", { permanent: true });
      try {
        await transporter.sendMail({
          from,
          to: { name: "", address: to },
          envelope: { from: from.address, to: [to] },
          subject,
          text,
          html,
          messageId: `<${id}@${domain}>`,
          // RFC 3834: keeps holiday notices and other robots from answering; Exchange has a header of its own.
          headers: { "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All" },
          xMailer: false,
          disableFileAccess: true,
          disableUrlAccess: true,
          signal,
        });
      } catch (error) {
        throw toDeliveryError(error);
      }
    },
  };
}

function connectionOptions({ host, port, implicitTls, login }: SmtpServer, insecure: boolean) {
  const unprotected = insecure || isLoopbackHost(host);
  return {
    host,
    port,
    secure: implicitTls,
    requireTLS: !unprotected,
    tls: { rejectUnauthorized: !unprotected, minVersion: "TLSv1.2" as const },
    // A server that asks for no login when one is set is not the one that was meant.
    ...(login ? { auth: { user: login.user, pass: login.password }, forceAuth: true } : {}),
    dnsTimeout: connectTimeoutMs,
    connectionTimeout: connectTimeoutMs,
    greetingTimeout: connectTimeoutMs,
    socketTimeout: silenceTimeoutMs,
    maxResponseSize: 65_536,
    logger: false as const,
  };
}

interface SmtpFailure {
  code?: unknown;
  originalCode?: unknown;
  responseCode?: unknown;
  command?: unknown;
  permanent?: unknown;
}

/** Keeps the codes only: what servers say quotes addresses. */
function toDeliveryError(error: unknown): DeliveryError {
  const failure: SmtpFailure = typeof error === "object" && error !== null ? error : {};
  const { code, originalCode, responseCode, command } = failure;
  const parts = [code, originalCode, responseCode, command].filter(
    (part) => typeof part === "string" || typeof part === "number",
  );
  const reason = [...new Set(parts.map((part) => String(part).slice(0, 40)))].join(" ");
  return new DeliveryError(reason || "UNKNOWN", { permanent: isPermanent(failure) });
}

/**
 * A refusal of this mail or its recipient is final. A refusal of the login or the sender is not: it is the
 * configuration that is wrong, and the mail can go once that was put right.
 */
function isPermanent({ code, command, permanent }: SmtpFailure): boolean {
  if (code === "EMESSAGE") return permanent === true;
  if (code !== "EENVELOPE") return false;
  return command === "API" || (permanent === true && (command === "RCPT TO" || command === "DATA"));
}
