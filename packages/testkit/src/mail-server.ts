import type { AddressInfo } from "node:net";
import PostalMime, { type Email } from "postal-mime";
import {
  SMTPServer,
  type SMTPServerDataStream,
  type SMTPServerOptions,
  type SMTPServerSession,
} from "smtp-server";
import { freePort } from "./free-port.ts";

/** A mail as it arrived. */
export interface ParsedMail extends Email {
  /** What the SMTP commands said, whatever the headers say. */
  envelope: { from: string; to: string[] };
  /** The whole message as sent. */
  raw: string;
  /** Whether it came over TLS. */
  secure: boolean;
  /** Who had logged in; empty for nobody. */
  user: string;
}

/** Settings of {@link startMailServer}. */
export interface MailServerOptions {
  /** Refuses so many mails for now (451) before it takes one. */
  failFirst?: number;
  /** Only who logs in like this may send. */
  auth?: { user: string; pass: string };
  /** TLS with a certificate that nobody vouches for; none by default. */
  tls?: "starttls" | "implicit";
  /** Port to listen on, to come back where one was before; a free one by default. */
  port?: number;
  /** The SMTP code with which a recipient is refused, e.g. 550; `undefined` takes him. */
  refuseRecipient?: (address: string) => number | undefined;
  /** The mail is taken, and the client told, once this has ended. */
  beforeAnswer?: (mail: ParsedMail) => Promise<void>;
}

/** A real SMTP server on loopback that keeps what it gets. */
export interface MailServer {
  /** `smtp://…` or `smtps://…`, with the login it asks for. */
  readonly url: string;
  readonly port: number;
  /** Mails taken so far. */
  readonly mails: ParsedMail[];
  /** How many messages were offered, refused ones included. */
  readonly offered: number;
  /** The first mail that fits, whether it is there or comes within the time. */
  waitFor(predicate: (mail: ParsedMail) => boolean, timeoutMs?: number): Promise<ParsedMail>;
  /** Ends it at once; open connections are dropped. */
  stop(): Promise<void>;
}

const maxMailBytes = 1_000_000;

/** Starts a server. */
export async function startMailServer(options: MailServerOptions = {}): Promise<MailServer> {
  const { auth, tls, failFirst = 0 } = options;
  const mails: ParsedMail[] = [];
  const waiting = new Set<() => void>();
  let offered = 0;

  async function take(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<void> {
    const mail = await parse(stream, session);
    offered += 1;
    if (offered <= failFirst) throw refusal(451);
    await options.beforeAnswer?.(mail);
    mails.push(mail);
    for (const look of [...waiting]) look();
  }

  const server = new SMTPServer({
    ...tlsOptions(tls),
    ...authOptions(auth),
    size: maxMailBytes,
    disableReverseLookup: true,
    // Otherwise it warns of its well-known test certificate, which is the point here.
    logger: false,
    closeTimeout: 1,
    onRcptTo({ address }, _session, answer) {
      const code = options.refuseRecipient?.(address);
      answer(code === undefined ? null : refusal(code));
    },
    onData(stream, session, answer) {
      take(stream, session).then(() => answer(), answer);
    },
  });
  // A client that goes away in the middle is nothing to end the tests for.
  server.on("error", () => undefined);
  const port = options.port ?? (await freePort());
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));

  return {
    url: urlOf(port, tls, auth),
    port: (server.server.address() as AddressInfo).port, // A TCP server has no other kind of address.
    mails,
    get offered() {
      return offered;
    },
    waitFor: (predicate, timeoutMs = 10_000) => waitUntil(mails, waiting, predicate, timeoutMs),
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function tlsOptions(tls: MailServerOptions["tls"]): SMTPServerOptions {
  if (tls === "implicit") return { secure: true };
  return tls === "starttls" ? {} : { hideSTARTTLS: true, disabledCommands: ["STARTTLS"] };
}

function authOptions(auth: MailServerOptions["auth"]): SMTPServerOptions {
  if (!auth) return { authOptional: true };
  return {
    allowInsecureAuth: true,
    onAuth({ username, password }, _session, answer) {
      if (username === auth.user && password === auth.pass) answer(null, { user: username });
      else answer(new Error("wrong user or password"));
    },
  };
}

function urlOf(port: number, tls: MailServerOptions["tls"], auth: MailServerOptions["auth"]): string {
  const login = auth ? `${encodeURIComponent(auth.user)}:${encodeURIComponent(auth.pass)}@` : "";
  return `${tls === "implicit" ? "smtps" : "smtp"}://${login}127.0.0.1:${port}`;
}

async function parse(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<ParsedMail> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const { mailFrom, rcptTo } = session.envelope;
  return {
    ...(await PostalMime.parse(bytes)),
    envelope: { from: mailFrom ? mailFrom.address : "", to: rcptTo.map(({ address }) => address) },
    raw: bytes.toString("utf8"),
    secure: session.secure,
    user: session.user ?? "",
  };
}

function refusal(responseCode: number): Error {
  return Object.assign(new Error("refused by the test"), { responseCode });
}

function waitUntil(
  mails: readonly ParsedMail[],
  waiting: Set<() => void>,
  predicate: (mail: ParsedMail) => boolean,
  timeoutMs: number,
): Promise<ParsedMail> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      waiting.delete(look);
    };
    const look = () => {
      const found = mails.find(predicate);
      if (!found) return;
      end();
      resolve(found);
    };
    const timer = setTimeout(() => {
      end();
      reject(new Error(`no such mail came within ${timeoutMs} ms; ${mails.length} others did`));
    }, timeoutMs);
    waiting.add(look);
    look();
  });
}
