import type { IncomingMessage } from "node:http";
import { BlockList, isIP, SocketAddress } from "node:net";

/** An address or a range of addresses. */
export interface Cidr {
  readonly address: string;
  readonly prefix: number;
  readonly family: "ipv4" | "ipv6";
}

/** Where a request came from. */
export interface ClientAddress {
  /** Of the client; of the connection where nothing better is known. */
  readonly address: string;
  /** True when a trusted proxy says that the client spoke https. */
  readonly secure: boolean;
}

/** Header in which the trusted proxies name their clients. */
export type ForwardedHeader = "x-forwarded-for" | "forwarded";

/** Settings of {@link createClientAddress}. */
export interface ClientAddressOptions {
  /** Proxies whose word counts; from anyone else forwarding headers are ignored. */
  readonly trustedProxies: readonly Cidr[];
  /** The one header that is read: proxies pass on the other kind as the client made it up. */
  readonly header: ForwardedHeader;
}

/** One hop as a proxy names it. */
interface Hop {
  address: string | undefined;
  proto: string;
}

// Longer chains of proxies do not exist.
const maxHops = 32;

/**
 * Finds the address of a client: the connection's, or, behind trusted proxies, the rightmost that no trusted proxy has.
 * What stands left of it was sent by the client and may be anything.
 */
export function createClientAddress(
  options: ClientAddressOptions,
): (incoming: IncomingMessage) => ClientAddress {
  const trusted = new BlockList();
  for (const { address, prefix, family } of options.trustedProxies)
    trusted.addSubnet(address, prefix, family);
  const isTrusted = (address: string) => trusted.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");

  return (incoming) => {
    const peer = normalizeAddress(incoming.socket.remoteAddress ?? "") ?? "";
    if (peer === "" || !isTrusted(peer)) return { address: peer, secure: false };
    let address = peer;
    let proto = options.header === "forwarded" ? "" : lastOf(incoming, "x-forwarded-proto");
    for (const hop of readHops(incoming, options.header)) {
      if (hop.address === undefined) break;
      address = hop.address;
      if (options.header === "forwarded") proto = hop.proto;
      if (!isTrusted(address)) break;
    }
    return { address, secure: proto === "https" };
  };
}

/** Hops from right to left: the nearest first. */
function readHops(incoming: IncomingMessage, header: ForwardedHeader): Hop[] {
  // Several lines of one header mean the same as one line with all values.
  const elements = (incoming.headersDistinct[header] ?? []).join(",").split(",").slice(-maxHops);
  const toHop = header === "forwarded" ? fromForwarded : fromXForwardedFor;
  return elements.map(toHop).reverse();
}

function fromXForwardedFor(element: string): Hop {
  return { address: parseHost(element.trim()), proto: "" };
}

/** RFC 7239: `for=192.0.2.60;proto=http`, `for="[2001:db8::1]:4711"`. Quoted commas do not occur in addresses. */
function fromForwarded(element: string): Hop {
  const hop: Hop = { address: undefined, proto: "" };
  const seen = new Set<string>();
  for (const pair of element.split(";")) {
    const [, name = "", quoted, plain] = /^\s*([A-Za-z]+)=(?:"([^"\\]*)"|([^"\s]*))\s*$/.exec(pair) ?? [];
    const key = name.toLowerCase();
    // A parameter given twice may be read one way here and another way elsewhere.
    if (key === "" || seen.has(key)) return { address: undefined, proto: "" };
    seen.add(key);
    if (key === "for") hop.address = parseHost(quoted ?? plain ?? "");
    if (key === "proto") hop.proto = (quoted ?? plain ?? "").toLowerCase();
  }
  return hop;
}

function lastOf(incoming: IncomingMessage, header: string): string {
  const values = (incoming.headersDistinct[header] ?? []).join(",").split(",");
  return (values.at(-1) ?? "").trim().toLowerCase();
}

/** An address with or without a port. */
function parseHost(text: string): string | undefined {
  const bracketed = /^\[([0-9A-Fa-f:.]{2,45})\](?::\d{1,5})?$/.exec(text)?.[1];
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? normalizeAddress(bracketed) : undefined;
  const withPort = /^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/.exec(text)?.[1];
  return normalizeAddress(withPort ?? text);
}

/** One spelling per address: IPv6 shortened, IPv4 that was mapped into IPv6 as IPv4, no zone; `undefined` for anything else. */
export function normalizeAddress(text: string): string | undefined {
  const family = isIP(text);
  if (family === 0) return undefined;
  if (family === 4) return text;
  const address = new SocketAddress({ address: text.replace(/%.*$/, ""), family: "ipv6" }).address;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1] ?? address;
}

/**
 * Reads a list such as `10.0.0.0/8, ::1`.
 * @returns the first element that is no address or range, when there is one.
 */
export function parseCidrs(text: string): readonly Cidr[] | { bad: string } {
  const list: Cidr[] = [];
  for (const each of text.split(",").map((part) => part.trim())) {
    const cidr = parseCidr(each);
    if (!cidr) return { bad: each.slice(0, 60) };
    list.push(cidr);
  }
  return list;
}

function parseCidr(text: string): Cidr | undefined {
  const [, host = "", bits] = /^([0-9A-Fa-f:.]{2,45})(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = normalizeAddress(host);
  if (address === undefined) return undefined;
  const family = isIP(address) === 6 ? "ipv6" : "ipv4";
  const width = family === "ipv6" ? 128 : 32;
  // A range that was written as mapped IPv6 counts its bits from there.
  const offset = family === "ipv4" && host.includes(":") ? 96 : 0;
  const prefix = bits === undefined ? width : Number(bits) - offset;
  // Whoever trusts everybody lets every client choose its address.
  return prefix >= 1 && prefix <= width ? { address, prefix, family } : undefined;
}
