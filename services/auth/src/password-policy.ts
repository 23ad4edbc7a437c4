import { invalidArgument } from "@ocelli/chassis";
import { codePoints, normalizePassword, passwordLength } from "./passwords.ts";

/** What of its owner a password must not be made of. */
export interface PasswordOwner {
  /** E-mail address. */
  email: string;
  name: string;
}

const tooCommon = "must not be a common password, also not with digits or signs added";
const tooPersonal = "must not be made of your name, your e-mail address or the name of this service";
const tooUniform = "must have at least 3 different characters";

// Additions up to this length make a guessable password no harder to guess.
const trivialLength = 6;
const trivialRemainder = 4;
const shortestStem = 4;
const shortestPart = 4;
const shortestWord = 3;

/**
 * What is wrong with a new password, in words for its owner; undefined when nothing is. NIST SP 800-63B, 3.1.1.2:
 * length and a list of what is tried first, no rules on which characters.
 */
export async function passwordFault(password: string, owner: PasswordOwner): Promise<string | undefined> {
  const length = codePoints(password);
  if (length < passwordLength.min) return `must have at least ${passwordLength.min} characters`;
  if (length > passwordLength.max) return `must have at most ${passwordLength.max} characters`;
  const folded = fold(password);
  if (new Set(folded).size < 3) return tooUniform;
  if (isPersonal(folded, owner)) return tooPersonal;
  return (await isCommon(folded)) ? tooCommon : undefined;
}

/** @throws AppError INVALID_ARGUMENT/INVALID_PASSWORD that names the field. */
export async function requireGoodPassword(
  password: string,
  owner: PasswordOwner,
  field = "newPassword",
): Promise<void> {
  const fault = await passwordFault(password, owner);
  if (fault === undefined) return;
  throw invalidArgument("INVALID_PASSWORD", `The password ${fault}.`, [{ field, description: fault }]);
}

function fold(text: string): string {
  return normalizePassword(text).toLowerCase();
}

async function isCommon(folded: string): Promise<boolean> {
  const common = await commonPasswords();
  if (common.has(folded)) return true;
  const stem = folded.replace(/[\p{N}\p{P}\p{S}\p{Z}]+$/u, "");
  const addition = folded.slice(stem.length);
  if (addition === "" || stem.length < shortestStem || !common.has(stem)) return false;
  return addition.length <= trivialLength || common.has(addition);
}

function isPersonal(folded: string, { email, name }: PasswordOwner): boolean {
  const squeezed = squeeze(folded);
  const rest = personalWords(fold(email), fold(name)).reduce(
    (text, word) => text.replaceAll(word, ""),
    squeezed,
  );
  return rest !== squeezed && (codePoints(rest) <= trivialRemainder || /^\p{N}+$/u.test(rest));
}

/** The longest first, so that a short one does not take it apart. */
function personalWords(email: string, name: string): string[] {
  const local = email.slice(0, Math.max(0, email.lastIndexOf("@")));
  const untagged = local.replace(/\+.*$/, "");
  const wholes = [email, local, untagged, name].map(squeeze).filter((word) => word.length >= shortestWord);
  const parts = `${local} ${name}`
    .split(/[^\p{L}\p{M}\p{N}]+/u)
    .filter((part) => part.length >= shortestPart);
  return ["ocelli", ...wholes, ...parts].toSorted((one, other) => other.length - one.length);
}

/** Letters and digits only. */
function squeeze(text: string): string {
  return text.replace(/[^\p{L}\p{M}\p{N}]+/gu, "");
}

let loading: Promise<ReadonlySet<string>> | undefined;

/**
 * The 49 000 most common passwords, lower case. Loaded when the first password is set (30 ms, 4 MB): most processes
 * that know this file, such as the command line, never set one.
 */
function commonPasswords(): Promise<ReadonlySet<string>> {
  loading ??= import("@zxcvbn-ts/language-common").then(
    ({ dictionary }) => new Set(dictionary["passwords-common"]),
  );
  return loading;
}
