import { isIP } from "node:net";
import { type AppError, invalidArgument } from "@ocelli/chassis";
import { isPublicAddress } from "./public-address.ts";

/** What addresses of strangers may look like. */
export interface UrlPolicy {
  /** Plain http. */
  allowHttp: boolean;
  /** Any address and port. */
  allowPrivate: boolean;
}

/** Ports of web servers; anything else may be a service that takes a request for something it is not. */
const openPorts: ReadonlySet<string> = new Set(["80", "443", "8080", "8443"]);
const localNames = /(?:^|\.)(?:localhost|local|localdomain|internal|intranet|lan|home|corp|home\.arpa)$/;
const maxUrlLength = 2000;

/**
 * Reads an address that a request may be sent to. Names are only judged by what they say: where they lead is for whoever
 * connects to check, each time.
 * @throws AppError INVALID_ARGUMENT/INVALID_WEBHOOK.
 */
export function parseWebhookUrl(text: string, { allowHttp, allowPrivate }: UrlPolicy): URL {
  const url = text.length <= maxUrlLength ? URL.parse(text) : null;
  if (!url) throw invalidUrl("must be an address of at most 2,000 characters");
  if (url.protocol !== "https:" && !(allowHttp && url.protocol === "http:")) {
    throw invalidUrl(allowHttp ? "must start with https:// or http://" : "must start with https://");
  }
  if (url.username !== "" || url.password !== "") throw invalidUrl("must not contain credentials");
  if (url.hash !== "") throw invalidUrl("must not contain a fragment");
  // The parser has turned decimal, octal, hexadecimal and full-width spellings into the usual one.
  if (!allowPrivate) requirePublic(url);
  return url;
}

/** The host of an address as names and addresses are looked up: without brackets and without the dot of the root. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
}

function requirePublic(url: URL): void {
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  if (!openPorts.has(port)) throw invalidUrl("must use port 443, 80, 8443 or 8080");
  const host = hostOf(url);
  if (isIP(host) !== 0) {
    if (!isPublicAddress(host)) throw invalidUrl("must be reachable from the internet");
  } else if (!host.includes(".") || localNames.test(host)) {
    throw invalidUrl("must be reachable from the internet");
  }
}

function invalidUrl(description: string): AppError {
  return invalidArgument("INVALID_WEBHOOK", `The address ${description}.`, [{ field: "url", description }]);
}
