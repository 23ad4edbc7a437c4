import { type LetterLink, renderLetter } from "./letter.ts";
import { linkLifetimes } from "./link-lifetimes.ts";
import type { Mail } from "./mailer.ts";
import { describeAddress, describeProgram, describeTime, greetingName, toOneLine } from "./stranger-text.ts";

/** Where links lead. */
export interface MailLinks {
  /** Address of the gateway, without a slash at the end. */
  publicUrl: string;
}

type Wording = { subject: string; paragraphs: (string | LetterLink)[] };

/** A mail in words: subject without any value of a stranger, plain text, and HTML that says the same. */
export function writeMail(mail: Mail, links: MailLinks): { subject: string; text: string; html: string } {
  return renderLetter({ ...wordingOf(mail, links), ...links, name: greetingName(mail.name) });
}

function wordingOf(mail: Mail, links: MailLinks): Wording {
  switch (mail.template) {
    case "verify-email":
    case "reset-password":
    case "invitation":
      return wordingOfLink(mail, links);
    case "welcome":
      return {
        subject: "Welcome to Ocelli",
        paragraphs: [
          "Your account is ready. Upload your photos, and find them again by what is in them: people, places, things, words.",
          { label: "How to begin", url: `${links.publicUrl}/docs` },
        ],
      };
    default:
      return wordingOfNotice(mail);
  }
}

type MailWithLink = Extract<Mail, { token: string }>;

function wordingOfLink(mail: MailWithLink, { publicUrl }: MailLinks): Wording {
  const link = (page: string, label: string) => ({
    label,
    // Behind the #, so that it reaches no server and no log until the page sends it.
    url: `${publicUrl}/account/${page}#token=${encodeURIComponent(mail.token)}`,
  });
  const lifetime = describeLifetime(linkLifetimes[mail.template]);
  switch (mail.template) {
    case "verify-email":
      return {
        subject: "Confirm your e-mail address",
        paragraphs: [
          "Please confirm that this is the e-mail address of your Ocelli account.",
          link("verify-email", "Confirm my address"),
          `The link works for ${lifetime}. If you have no account here, ignore this message.`,
        ],
      };
    case "reset-password":
      return {
        subject: "Reset your password",
        paragraphs: [
          "Somebody, hopefully you, wants to reset the password of your Ocelli account.",
          link("reset-password", "Choose a new password"),
          `The link works once and for ${lifetime}. If you did not ask for it, ignore this message: your password stays as it is.`,
        ],
      };
    case "invitation":
      return {
        subject: "You are invited to Ocelli",
        paragraphs: [
          "An account was made for you. Choose a password to begin.",
          link("reset-password", "Choose my password"),
          `The link works once and for ${lifetime}.`,
        ],
      };
  }
}

type Notice = Exclude<Mail, MailWithLink | { template: "welcome" }>;

function wordingOfNotice(mail: Notice): Wording {
  const notYou = "If this was not you, reset your password at once and tell your administrator.";
  switch (mail.template) {
    case "password-changed":
      return {
        subject: "Your password was changed",
        paragraphs: ["The password of your Ocelli account was changed.", notYou],
      };
    case "email-change-requested":
      return {
        subject: "Your e-mail address is about to change",
        paragraphs: [
          `Somebody who knows your password asked that your Ocelli account use the address ${toOneLine(mail.newEmail)}. That happens once it is confirmed there.`,
          notYou,
        ],
      };
    case "new-sign-in":
      return {
        subject: "New sign-in to your account",
        paragraphs: [
          `On ${describeTime(mail.at)} somebody signed in to your Ocelli account from ${describeAddress(mail.address)} with ${describeProgram(mail.userAgent)}.`,
          `If this was you, there is nothing to do. ${notYou}`,
        ],
      };
    case "two-factor-changed":
      return {
        subject: `Two-factor authentication is ${mail.enabled ? "on" : "off"}`,
        paragraphs: [
          mail.enabled
            ? "From now on, signing in to your Ocelli account takes a code besides your password. Keep the recovery codes in a safe place."
            : "From now on, signing in to your Ocelli account takes your password alone.",
          notYou,
        ],
      };
    case "recovery-code-used":
      return {
        subject: "A recovery code was used",
        paragraphs: [
          `A recovery code of your Ocelli account was used instead of a code of your authenticator. Codes left: ${mail.left}.`,
          notYou,
        ],
      };
    case "identity-linked":
      return {
        subject: "A login was linked to your account",
        paragraphs: [
          `An account at ${toOneLine(mail.provider)} was linked to your Ocelli account, and signs in to it from now on. You can take it off again.`,
          notYou,
        ],
      };
    case "identity-unlinked":
      return {
        subject: "A login was taken off your account",
        paragraphs: [
          `An account at ${toOneLine(mail.provider)} that signed in to your Ocelli account no longer does. Your other sessions have ended.`,
          notYou,
        ],
      };
  }
}

function describeLifetime(ms: number): string {
  const hours = ms / 3_600_000;
  if (hours < 1) return `${ms / 60_000} minutes`;
  return hours > 48 ? `${hours / 24} days` : `${hours} hours`;
}
