import { BlockList, isIP, SocketAddress } from "node:net";

/**
 * Addresses that do not lead to the public internet: IANA's special-purpose registries (RFC 6890 and what came after),
 * multicast and reserved space.
 */
const closedIpv4 = [
  ["0.0.0.0", 8], // this network
  ["10.0.0.0", 8], // private
  ["100.64.0.0", 10], // carrier-grade NAT
  ["127.0.0.0", 8], // loopback
  ["169.254.0.0", 16], // link-local, metadata of cloud machines
  ["172.16.0.0", 12], // private
  ["192.0.0.0", 24], // protocol assignments
  ["192.0.2.0", 24], // documentation
  ["192.31.196.0", 24], // AS112
  ["192.52.193.0", 24], // AMT
  ["192.88.99.0", 24], // 6to4 relays
  ["192.168.0.0", 16], // private
  ["192.175.48.0", 24], // AS112
  ["198.18.0.0", 15], // benchmarks
  ["198.51.100.0", 24], // documentation
  ["203.0.113.0", 24], // documentation
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4], // reserved, broadcast
] as const;

/** Within 2000::/3, outside of which no IPv6 address is global unicast. */
const closedIpv6 = [
  ["2001::", 23], // protocol assignments: Teredo, benchmarks, ORCHID
  ["2001:db8::", 32], // documentation
  ["2002::", 16], // 6to4, which leads to any IPv4 address
  ["2620:4f:8000::", 48], // AS112
  ["3fff::", 20], // documentation
] as const;

const closed = new BlockList();
for (const [address, prefix] of closedIpv4) closed.addSubnet(address, prefix, "ipv4");
for (const [address, prefix] of closedIpv6) closed.addSubnet(address, prefix, "ipv6");
const global = new BlockList();
global.addSubnet("2000::", 3, "ipv6");

// NAT64 (RFC 6052): where machines have IPv6 only, this is how every IPv4 address looks.
const nat64 = /^64:ff9b::(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,4})$/;

/**
 * True for global unicast addresses, which are all that strangers may make this process connect to. Text that is no
 * address, or one with a zone, is not public.
 */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !closed.check(address, "ipv4");
  if (family === 0 || address.includes("%")) return false;
  const canonical = new SocketAddress({ address, family: "ipv6" }).address;
  const embedded = embeddedIpv4(canonical);
  if (embedded !== undefined) return isPublicAddress(embedded);
  return global.check(canonical, "ipv6") && !closed.check(canonical, "ipv6");
}

/** The IPv4 address within a NAT64 address. */
function embeddedIpv4(canonical: string): string | undefined {
  const dotted = /^64:ff9b::(\d+\.\d+\.\d+\.\d+)$/.exec(canonical)?.[1];
  if (dotted !== undefined) return dotted;
  const [, high = "0", low = ""] = nat64.exec(canonical) ?? [];
  if (low === "") return undefined;
  const [first, second] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [first >> 8, first & 255, second >> 8, second & 255].join(".");
}
