import { lookup as dnsLookup } from "node:dns/promises";
import { isIP } from "node:net";
import { Agent, buildConnector, errors, request } from "undici";
import { isPublicAddress } from "./net/public-address.ts";

/** Finds all addresses of a name. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** Settings of {@link createSafeFetch}. */
export interface SafeFetchOptions {
  /** Connects to any address. */
  allowPrivate: boolean;
  /** The system's resolver by default. */
  resolve?: Resolve;
  /** Certificate authorities beside the usual ones, PEM. */
  ca?: string;
  /** Longest time for everything together. Default 10 s. */
  timeoutMs?: number;
}

/** How a request ended. */
export type SafeAnswer =
  /** The server answered, whatever it said. */
  | { status: number; error: "" }
  /** No answer; a sentence for the owner's eyes that says nothing of the network behind this server. */
  | { status: 0; error: string };

/** Sends requests to addresses that strangers chose. */
export interface SafeFetch {
  /** Posts a body; follows no redirect and reads no more than 1 KiB of the answer. Never rejects. */
  post(url: URL, body: string, headers: Record<string, string>): Promise<SafeAnswer>;
  close(): Promise<void>;
}

const defaultTimeoutMs = 10_000;
const maxAnswerBytes = 1024;
const maxHeaderBytes = 8 * 1024;

/** An address that is not for strangers to reach. */
class ClosedAddress extends Error {}

/**
 * Creates a sender whose connections are checked when they are made: the name is resolved here, every address it has must
 * be public, and the connection goes to one of exactly these. A name that leads elsewhere the next moment gains nothing.
 */
export function createSafeFetch(options: SafeFetchOptions): SafeFetch {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const agent = new Agent({
    connect: checkedConnector(options, timeoutMs),
    connections: 4,
    // Nobody's later request is to travel on a connection that was checked long ago.
    keepAliveTimeout: 1000,
    keepAliveMaxTimeout: 1000,
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  });
  return {
    async post(url, body, headers) {
      const signal = AbortSignal.timeout(timeoutMs);
      try {
        const answer = await request(url, { method: "POST", body, headers, dispatcher: agent, signal });
        await skimBody(answer.body);
        return { status: answer.statusCode, error: "" };
      } catch (error) {
        return { status: 0, error: signal.aborted ? "no answer in time" : describeFailure(error) };
      }
    },
    close: () => agent.destroy(),
  };
}

function checkedConnector(options: SafeFetchOptions, timeoutMs: number): buildConnector.connector {
  const connect = buildConnector({ timeout: timeoutMs, ...(options.ca ? { ca: options.ca } : {}) });
  return (target, callback) => {
    const host = target.hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
    findAddress(host, options).then(
      (address) => {
        // The certificate must be that of the name, not of the address it leads to.
        const name = isIP(host) === 0 ? { servername: host } : {};
        connect({ ...target, hostname: address, ...name }, callback);
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null),
    );
  };
}

async function findAddress(host: string, options: SafeFetchOptions): Promise<string> {
  const addresses = isIP(host) === 0 ? await (options.resolve ?? resolveBySystem)(host) : [host];
  const [first] = addresses;
  if (first === undefined) throw new Error("the name has no address");
  if (!options.allowPrivate && !addresses.every(isPublicAddress)) throw new ClosedAddress();
  return first;
}

async function resolveBySystem(host: string): Promise<string[]> {
  return (await dnsLookup(host, { all: true, verbatim: true })).map(({ address }) => address);
}

/** Reads the beginning of a body and drops the rest with its connection. */
async function skimBody(body: AsyncIterable<Uint8Array>): Promise<void> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > maxAnswerBytes) return;
  }
}

const sentences: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was broken",
  EPIPE: "the connection was broken",
  UND_ERR_SOCKET: "the connection was broken",
  ENOTFOUND: "the name has no address",
  EAI_AGAIN: "the name could not be resolved",
  ETIMEDOUT: "no answer in time",
  UND_ERR_CONNECT_TIMEOUT: "no answer in time",
  UND_ERR_HEADERS_TIMEOUT: "no answer in time",
  UND_ERR_BODY_TIMEOUT: "no answer in time",
  UND_ERR_HEADERS_OVERFLOW: "the answer's headers are too long",
};

function describeFailure(error: unknown): string {
  if (error instanceof ClosedAddress) return "the address is not reachable from the internet";
  if (error instanceof errors.HTTPParserError) return "the answer is not HTTP";
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|EPROTO/.test(code))
    return "the certificate or TLS was not accepted";
  return sentences[code] ?? "the request failed";
}
