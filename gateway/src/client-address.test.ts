import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { createClientAddress, type ForwardedHeader, normalizeAddress, parseCidrs } from "./client-address.ts";

function cidrs(text: string) {
  const parsed = parseCidrs(text);
  if ("bad" in parsed) throw new Error(parsed.bad);
  return parsed;
}

/** A request from a peer; a header given as a list was sent in several lines. */
function request(peer: string, headers: Record<string, string | string[]>): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, "remoteAddress", { value: peer });
  const incoming = new IncomingMessage(socket);
  const distinct = Object.entries(headers).map(([name, value]) => [name, [value].flat()]);
  Object.defineProperty(incoming, "headersDistinct", { value: Object.fromEntries(distinct) });
  return incoming;
}

const trustedProxies = cidrs("10.0.0.0/8, 2001:db8:ffff::/48, 192.0.2.7");

function addressOf(peer: string, headers: Record<string, string | string[]>, header?: ForwardedHeader) {
  return createClientAddress({ trustedProxies, header: header ?? "x-forwarded-for" })(request(peer, headers));
}

describe("the client's address", () => {
  it("is the connection's where no proxy is trusted", () => {
    const nobody = createClientAddress({ trustedProxies: [], header: "x-forwarded-for" });
    const headers = { "x-forwarded-for": "1.1.1.1", forwarded: "for=2.2.2.2", "x-forwarded-proto": "https" };
    expect(nobody(request("10.0.0.1", headers))).toEqual({ address: "10.0.0.1", secure: false });
    expect(addressOf("203.0.113.5", headers)).toEqual({ address: "203.0.113.5", secure: false });
  });

  it.each<[string, string, string | string[], string]>([
    ["one proxy", "10.0.0.1", "1.1.1.1", "1.1.1.1"],
    ["a client that made up the left part", "10.0.0.1", "6.6.6.6, 1.1.1.1", "1.1.1.1"],
    ["a client that names a trusted address", "10.0.0.1", "10.0.0.9, 1.1.1.1", "1.1.1.1"],
    ["two proxies", "10.0.0.1", "6.6.6.6, 1.1.1.1, 10.2.2.2", "1.1.1.1"],
    ["several lines", "10.0.0.1", ["6.6.6.6", "1.1.1.1", "10.2.2.2"], "1.1.1.1"],
    ["a client inside", "10.0.0.1", "10.9.9.9, 10.2.2.2", "10.9.9.9"],
    ["mapped peer", "::ffff:10.0.0.1", "1.1.1.1", "1.1.1.1"],
    ["mapped hops", "10.0.0.1", "::ffff:1.1.1.1, ::ffff:10.2.2.2", "1.1.1.1"],
    ["mapped hops in hexadecimal", "10.0.0.1", "::ffff:101:101, ::FFFF:0a02:0202", "1.1.1.1"],
    ["IPv6 proxy", "2001:db8:ffff:1::5", "2001:DB8:0:0::9", "2001:db8::9"],
    ["ports", "10.0.0.1", "1.1.1.1:80, 10.2.2.2:4711", "1.1.1.1"],
    ["IPv6 with a port", "10.0.0.1", "[2001:db8::9]:80", "2001:db8::9"],
    ["a zone", "10.0.0.1", "fe80::1%eth0", "fe80::1"],
    ["one trusted address, and its neighbour", "192.0.2.7", "192.0.2.8", "192.0.2.8"],
    ["empty", "10.0.0.1", "", "10.0.0.1"],
    ["commas only", "10.0.0.1", ",,,", "10.0.0.1"],
    ["garbage", "10.0.0.1", "<script>", "10.0.0.1"],
    ["garbage from the nearest proxy", "10.0.0.1", "1.1.1.1, unknown", "10.0.0.1"],
    ["garbage from a farther proxy", "10.0.0.1", "1.1.1.1, nonsense, 10.2.2.2", "10.2.2.2"],
    ["numbers that some parsers take for addresses", "10.0.0.1", "0x7f.1, 2130706433", "10.0.0.1"],
    ["leading zeros", "10.0.0.1", "010.0.0.1", "10.0.0.1"],
    ["a range", "10.0.0.1", "1.1.1.1/8", "10.0.0.1"],
    ["brackets around IPv4", "10.0.0.1", "[1.1.1.1]", "10.0.0.1"],
    ["a tab and spaces", "10.0.0.1", " \t1.1.1.1 \t", "1.1.1.1"],
    ["two addresses without a comma", "10.0.0.1", "6.6.6.6 1.1.1.1", "10.0.0.1"],
    ["very many", "10.0.0.1", `${"6.6.6.6,".repeat(2000)}${"10.0.0.2,".repeat(40)}10.0.0.3`, "10.0.0.2"],
  ])("X-Forwarded-For: %s", (_, peer, header, expected) => {
    expect(addressOf(peer, { "x-forwarded-for": header }).address).toBe(expected);
  });

  it.each<[string, string | string[], string, boolean]>([
    ["for=1.1.1.1;proto=https", "for=1.1.1.1;proto=https", "1.1.1.1", true],
    ["the client's own part", "for=6.6.6.6;proto=https, for=1.1.1.1;proto=http", "1.1.1.1", false],
    ["quoted IPv6 with a port", 'For="[2001:db8::9]:4711";Proto=HTTPS', "2001:db8::9", true],
    ["an obfuscated name", "for=_hidden", "10.0.0.1", false],
    ["the same parameter twice", "for=1.1.1.1;for=6.6.6.6", "10.0.0.1", false],
    ["an open quote", 'for="1.1.1.1', "10.0.0.1", false],
    ["nothing of it", "1.1.1.1", "10.0.0.1", false],
    ["two lines", ["for=6.6.6.6", "for=1.1.1.1"], "1.1.1.1", false],
  ])("Forwarded: %s", (_, header, expected, secure) => {
    const found = addressOf("10.0.0.1", { forwarded: header, "x-forwarded-for": "6.6.6.6" }, "forwarded");
    expect(found).toEqual({ address: expected, secure });
  });

  it("takes https from the nearest proxy only", () => {
    const secure = (proto: string | string[], peer = "10.0.0.1") =>
      addressOf(peer, { "x-forwarded-for": "1.1.1.1", "x-forwarded-proto": proto }).secure;
    expect([secure("https"), secure("HTTPS"), secure("http, https"), secure(["http", "https"])]).toEqual(
      Array(4).fill(true),
    );
    expect([secure("https, http"), secure("httpss"), secure(""), secure("https", "203.0.113.5")]).toEqual(
      Array(4).fill(false),
    );
  });
});

describe("lists of proxies", () => {
  it.each(["10.0.0.0/8", "::1", "2001:db8::/32,10.1.1.1", "::ffff:10.0.0.0/104"])("%s", (text) => {
    expect(parseCidrs(text)).not.toHaveProperty("bad");
  });

  it.each([
    "*",
    "0.0.0.0/0",
    "::/0",
    "10.0.0.0/33",
    "::1/129",
    "10.0.0/8",
    "proxy.example",
    "10.0.0.1,",
    "::ffff:10.0.0.0/8",
  ])("refuses %s", (text) => {
    expect(parseCidrs(text)).toHaveProperty("bad");
  });
});

it("spells each address in one way", () => {
  expect(["::FFFF:1.2.3.4", "0:0:0:0:0:0:0:1", "fe80::1%1", "1.2.3", "a"].map(normalizeAddress)).toEqual([
    "1.2.3.4",
    "::1",
    "fe80::1",
    undefined,
    undefined,
  ]);
});
