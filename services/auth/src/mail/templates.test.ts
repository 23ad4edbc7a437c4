import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Mail } from "./mailer.ts";
import { writeMail } from "./templates.ts";

const links = { publicUrl: "https://photos.test/base" };
const token = "ocelli_at_AbC-_123";
const signIn = {
  template: "new-sign-in",
  name: "Ada",
  at: "2026-03-12T14:05:30.000Z",
  address: "2001:db8::1",
  userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
} as const;

const linking: [Mail, string][] = [
  [{ template: "verify-email", name: "Ada", token }, "verify-email"],
  [{ template: "reset-password", name: "Ada", token }, "reset-password"],
  [{ template: "invitation", name: "Ada", token }, "reset-password"],
];
const notices: [Mail, string][] = [
  [{ template: "welcome", name: "Ada" }, "ready"],
  [{ template: "password-changed", name: "Ada" }, "password"],
  [{ template: "email-change-requested", name: "Ada", newEmail: "new@example.org" }, "new@example.org"],
  [
    signIn,
    "12 March 2026 at 14:05 UTC somebody signed in to your Ocelli account from 2001:db8::1 with Firefox on Linux",
  ],
  [{ template: "two-factor-changed", name: "Ada", enabled: true }, "code"],
  [{ template: "two-factor-changed", name: "Ada", enabled: false }, "alone"],
  [{ template: "recovery-code-used", name: "Ada", left: 9 }, "Codes left: 9."],
  [{ template: "identity-linked", name: "Ada", provider: "Example" }, "at Example was linked"],
  [{ template: "identity-unlinked", name: "Ada", provider: "Example" }, "no longer does"],
];

describe.each(linking)("$template", (mail, page) => {
  test("has its token in the link only, once in each part", () => {
    const { subject, text, html } = writeMail(mail, links);
    const url = `https://photos.test/base/account/${page}#token=${token}`;
    expect(text.split("\n")).toContain(url);
    expect(html).toContain(`<a href="${url}">`);
    for (const part of [subject, text.replace(url, ""), html.replace(url, "")])
      expect(part).not.toContain(token);
  });

  test("says for how long the link works", () => {
    expect(writeMail(mail, links).text).toMatch(/works (once and )?for (24 hours|30 minutes|7 days)\./);
  });
});

describe.each([...linking, ...notices])("$template", (mail, word) => {
  test("says the same in both parts, and loads nothing", () => {
    const { subject, text, html } = writeMail(mail, links);
    expect(subject).toMatch(/^[A-Z][\w ,-]{5,60}$/);
    for (const part of [text, html]) {
      expect(part).toContain(word);
      expect(part).toContain("Hello Ada,");
      expect(part).toContain("Sent by Ocelli at https://photos.test/base.");
    }
    expect(html).not.toMatch(/<(img|script|link|style|iframe)|url\(|src=/i);
  });
});

test("nothing that a stranger chose becomes markup, a link, a line or a subject", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 80 }),
      fc.constantFrom("<b>", "&", '"', "\r\n"),
      (text, extra) => {
        const hostile = `${text}${extra}${text}`;
        const mails: Mail[] = [
          { template: "welcome", name: hostile },
          { template: "reset-password", name: hostile, token: hostile },
          { template: "email-change-requested", name: "A", newEmail: hostile },
          { template: "identity-linked", name: hostile, provider: "Example" },
          { ...signIn, at: hostile, address: hostile, userAgent: hostile },
        ];
        const harmless = mails.map((mail) => writeMail(calm(mail), links));
        mails.forEach((mail, index) => {
          const { subject, text: plain, html } = writeMail(mail, links);
          expect(subject).toBe(harmless[index]?.subject);
          expect(plain.split(/\r|\n/).length).toBe(harmless[index]?.text.split("\n").length);
          expect(html.match(/</g)?.length).toBe(harmless[index]?.html.match(/</g)?.length);
          expect(html.match(/"/g)?.length).toBe(harmless[index]?.html.match(/"/g)?.length);
          expect(html).not.toMatch(/&(?!amp;|lt;|gt;|quot;|#39;)/);
        });
      },
    ),
  );
});

/** The same mail with values that nobody could mind. */
function calm(mail: Mail): Mail {
  if (mail.template === "reset-password") return { ...mail, name: "A", token: "t" };
  if (mail.template === "email-change-requested") return { ...mail, newEmail: "a@b.c" };
  return { ...mail, name: "A" };
}

test.each(["https://evil.example/claim", "You won! evil.example", "mail me@evil.example", "x".repeat(61)])(
  "a name that advertises is not repeated: %s",
  (name) => {
    const { text } = writeMail({ template: "welcome", name }, links);
    expect(text).toMatch(/^Hello,\n/);
  },
);

test.each(["Ada", "Dr. Ada Lovelace", "Zoë", "李小龍", "O’Neil-Smith", "👩‍💻"])("greets %s", (name) => {
  expect(writeMail({ template: "welcome", name }, links).text).toMatch(/^Hello \S/);
});

test.each([
  [
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
    "Edge on Windows",
  ],
  [
    "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
    "Chrome on Android",
  ],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 15) Version/19.0 Safari/605.1", "Safari on macOS"],
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 19 like Mac OS X) Version/19.0 Safari/605.1", "Safari on iOS"],
  ["curl/8.14", "curl"],
  ["Not you? Go to https://evil.example", "an unknown program"],
  ["", "an unknown program"],
])("a program is named in known words: %s", (userAgent, words) => {
  expect(writeMail({ ...signIn, userAgent }, links).text).toContain(`with ${words}.`);
});

test("an address that is none, and a time that is none, are not repeated", () => {
  const { text } = writeMail({ ...signIn, at: "evil", address: "evil.example" }, links);
  expect(text).toContain(
    "On an unknown time somebody signed in to your Ocelli account from an unknown address",
  );
});
