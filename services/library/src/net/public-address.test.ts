import { AppError } from "@ocelli/chassis";
import { describe, expect, test } from "vitest";
import { isPublicAddress } from "./public-address.ts";
import { hostOf, parseWebhookUrl } from "./webhook-url.ts";

const strict = { allowHttp: true, allowPrivate: false };

describe("public addresses", () => {
  test.each([
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2001:4860:4860::8888",
    "2a00:1450:4001:81b::200e",
    "64:ff9b::8.8.8.8",
    "64:ff9b::808:808",
  ])("%s is one", (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  test.each([
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.0",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:8.8.8.8",
    "::ffff:0:8.8.8.8",
    "64:ff9b::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::1",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "4000::1",
    "fc00::1",
    "fd12:3456:789a::1",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1%eth0",
    "fec0::1",
    "ff02::1",
    "",
    "localhost",
    "1.2.3",
    "01.1.1.1",
    "1.1.1.1 ",
    "[::1]",
  ])("%j is none", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

const refused = (url: string, policy = strict) => {
  try {
    return parseWebhookUrl(url, policy).href;
  } catch (error) {
    return AppError.from(error).reason;
  }
};

describe("addresses of webhooks", () => {
  test.each([
    "https://example.org/hook?x=1",
    "http://example.org/",
    "https://example.org:8443/",
    "http://example.org:8080/",
    "https://sub.example.co.uk./",
    "https://8.8.8.8/",
    "https://[2606:4700:4700::1111]/",
    "https://xn--bcher-kva.example.org/",
  ])("%s may be one", (url) => {
    expect(refused(url)).toBe(url);
  });

  test.each([
    "http://127.0.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://127.1/",
    "http://127.0.0.1./",
    "http://0/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:ffff:7f00:0001]/",
    "http://[::]/",
    "http://[fe80::1]/",
    "http://[2002:7f00:1::]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://１２７.０.０.１/",
    "http://127。0。0。1/",
    "http://①②⑦.0.0.1/",
    "http://localhost/",
    "http://localhost./",
    "http://LOCALHOST/",
    "http://ⓛocalhost/",
    "http://a.localhost/",
    "http://printer.local/",
    "http://metadata.google.internal/",
    "http://router/",
    "http://example.org:22/",
    "http://example.org:6379/",
    "https://example.org:0/",
    "https://user@example.org/",
    "https://user:secret@example.org/",
    "https://:@example.org/#x",
    "https://example.org/#fragment",
    "ftp://example.org/",
    "file:///etc/passwd",
    "gopher://example.org/",
    "javascript:alert(1)",
    "data:text/plain,x",
    "unix:///var/run/docker.sock",
    "//example.org/",
    "/hook",
    "",
    "http://",
    "https://exa mple.org/",
    `https://example.org/${"x".repeat(2000)}`,
  ])("%s may not", (url) => {
    expect(refused(url)).toBe("INVALID_WEBHOOK");
  });

  test("plain http and private addresses only where they are allowed, credentials never", () => {
    expect(refused("http://example.org/", { allowHttp: false, allowPrivate: false })).toBe("INVALID_WEBHOOK");
    const open = { allowHttp: true, allowPrivate: true };
    expect(refused("http://127.0.0.1:9000/", open)).toBe("http://127.0.0.1:9000/");
    expect(refused("http://a:b@127.0.0.1:9000/", open)).toBe("INVALID_WEBHOOK");
  });

  test("hosts are looked up without brackets and root dot", () => {
    expect(hostOf(new URL("https://[2606:4700::1]/"))).toBe("2606:4700::1");
    expect(hostOf(new URL("https://example.org./"))).toBe("example.org");
  });
});
