import { isIPv4 } from "node:net";

/** A sender: a name and an address. */
export interface Mailbox {
  /** Empty when there is none. */
  name: string;
  address: string;
}

/** Where mail is handed over. */
export interface SmtpServer {
  host: string;
  port: number;
  /** TLS from the start; otherwise the connection is upgraded with STARTTLS. */
  implicitTls: boolean;
  login: { user: string; password: string } | undefined;
}

// RFC 8314 section 3.3 and RFC 6409.
const submissionsPort = 465;
const submissionPort = 587;

/** Reads `smtp://…` or `smtps://…`; `undefined` when it is anything else. Nothing in it can weaken TLS. */
export function parseSmtpUrl(text: string): SmtpServer | undefined {
  const url = URL.parse(text);
  if (!url || (url.protocol !== "smtp:" && url.protocol !== "smtps:")) return undefined;
  const user = decode(url.username);
  const password = decode(url.password);
  const host = decode(url.hostname)?.replace(/^\[(.*)\]$/, "$1");
  if (!host || user === undefined || password === undefined) return undefined;
  if (!/^[A-Za-z0-9._:-]+$/.test(host) || url.pathname.length > 1 || url.search || url.hash) return undefined;
  if (password !== "" && user === "") return undefined;
  const implicitTls = url.protocol === "smtps:";
  return {
    host,
    port: url.port === "" ? (implicitTls ? submissionsPort : submissionPort) : Number(url.port),
    implicitTls,
    login: user === "" ? undefined : { user, password },
  };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Whether what is sent to this host stays on this machine. */
export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

// A header is made of them: nothing that ends a line, starts another address or changes what the text looks like.
const mailboxPattern = /^(?:(?<name>[^<>"\p{C}\u2028\u2029]{1,100}?)\s*<(?<inner>[^<>]+)>|(?<bare>[^<>]+))$/u;
const addressPattern = /^[^\p{C}\p{Z}<>()[\]\\,;:@"]{1,64}@[^\p{C}\p{Z}<>()[\]\\,;:@"]{1,255}$/u;

/** Reads `Name <address>` or an address alone; `undefined` when it is neither. */
export function parseMailbox(text: string): Mailbox | undefined {
  const groups = mailboxPattern.exec(text.trim())?.groups;
  const address = groups?.inner ?? groups?.bare;
  if (address === undefined || !isPlainAddress(address)) return undefined;
  return { name: groups?.name?.trim() ?? "", address };
}

/** Whether this is one address that can stand in a header or an SMTP command as it is. */
export function isPlainAddress(text: string): boolean {
  return text.length <= 320 && addressPattern.test(text);
}
