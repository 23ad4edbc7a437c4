import { ConfigError, loadSettings } from "@ocelli/chassis";
import { describe, expect, test } from "vitest";
import { mailSettings } from "../settings/mail-settings.ts";
import { isLoopbackHost, isPlainAddress, parseMailbox, parseSmtpUrl } from "./smtp-address.ts";

describe("SMTP_URL", () => {
  test.each([
    ["smtp://mx", { host: "mx", port: 587, implicitTls: false, login: undefined }],
    [
      "smtps://mail.example.org/",
      { host: "mail.example.org", port: 465, implicitTls: true, login: undefined },
    ],
    [
      "smtp://user%40example.org:p%40ss%3A%2F%25@mail.example.org:2525",
      {
        host: "mail.example.org",
        port: 2525,
        implicitTls: false,
        login: { user: "user@example.org", password: "p@ss:/%" },
      },
    ],
    ["smtp://[::1]:25", { host: "::1", port: 25, implicitTls: false, login: undefined }],
  ])("takes %s", (text, server) => {
    expect(parseSmtpUrl(text)).toEqual(server);
  });

  test.each([
    "mail.example.org",
    "http://mail.example.org",
    "smtp://",
    "smtp://:password@host",
    "smtp://host:99999",
    "smtp://host/path",
    "smtp://host?tls.rejectUnauthorized=false",
    "smtp://user:%zz@host",
    "smtp://ho%0d%0ast",
  ])("refuses %s", (text) => {
    expect(parseSmtpUrl(text)).toBeUndefined();
  });

  test("never shows when it is wrong", () => {
    const load = () => loadSettings(mailSettings, { SMTP_URL: "smtp://user:hunter2@host/path" });
    expect(load).toThrow(ConfigError);
    expect(load).toThrow("SMTP_URL");
    expect(load).not.toThrow("hunter2");
    const { smtpUrl } = loadSettings(mailSettings, { SMTP_URL: "smtp://u:hunter2@h" });
    expect(JSON.stringify({ smtpUrl })).not.toContain("hunter2");
  });
});

test.each([
  ["localhost", true],
  ["127.0.0.1", true],
  ["127.8.8.8", true],
  ["::1", true],
  ["127.0.0.1.example.org", false],
  ["localhost.example.org", false],
  ["128.0.0.1", false],
  ["0.0.0.0", false],
])("%s stays on this machine: %s", (host, stays) => {
  expect(isLoopbackHost(host)).toBe(stays);
});

test.each([
  ["ocelli@localhost", { name: "", address: "ocelli@localhost" }],
  ["Ocelli <ocelli@localhost>", { name: "Ocelli", address: "ocelli@localhost" }],
  ["Fotos von Zoë, privat <a@b.example>", { name: "Fotos von Zoë, privat", address: "a@b.example" }],
  ["<a@b.example>", undefined],
  ["Ocelli", undefined],
  ["a@b.example, c@d.example", undefined],
  ["Ocelli <a@b.example> <c@d.example>", undefined],
  ["Ocelli\r\nBcc: x <a@b.example>", undefined],
  ["Ocelli <a@b.example\r\nBcc:x>", undefined],
])("MAIL_FROM %j", (text, mailbox) => {
  expect(parseMailbox(text)).toEqual(mailbox);
});

test.each(["a@b.c", "zoë@müller.example", "a+b@c.example"])("%s is one address", (text) => {
  expect(isPlainAddress(text)).toBe(true);
});

test.each([
  "",
  "a",
  "a@b@c",
  "a b@c.d",
  "a@b.c\n",
  "a@b.c,d@e.f",
  "a@b.c;d@e.f",
  "<a@b.c>",
  '"a"@b.c',
  "a\u0000@b.c",
])("%j is not one address", (text) => {
  expect(isPlainAddress(text)).toBe(false);
});

test.each([
  ["https://photos.example.org", "https://photos.example.org"],
  ["http://Host:8080/ocelli//", "http://host:8080/ocelli"],
])("PUBLIC_URL %s", (text, url) => {
  expect(loadSettings(mailSettings, { PUBLIC_URL: text }).publicUrl).toBe(url);
});

test.each([
  "photos.example.org",
  "ftp://a",
  "http://u:p@a",
  "http://a?b",
  "http://a#b",
  "javascript:alert(1)",
])("PUBLIC_URL is not %s", (text) => {
  expect(() => loadSettings(mailSettings, { PUBLIC_URL: text })).toThrow(ConfigError);
});
