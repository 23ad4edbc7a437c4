import { Secret, TOTP } from "otpauth";

// What every authenticator app does; other values are ignored by some (RFC 6238; Google's key URI format).
const parameters = { algorithm: "SHA1", digits: 6, period: 30 } as const;
// RFC 4226 section 4, R6, recommends 160 bits.
const secretBytes = 20;
// RFC 6238 section 5.2: one step for clocks that disagree and codes typed late.
const window = 1;

/** A new shared secret in Base32. */
export function newTotpSecret(): string {
  return new Secret({ size: secretBytes }).base32;
}

/** The `otpauth://` address of a secret, which authenticator apps read from a QR code. */
export function totpUri(secret: string, account: string): string {
  return new TOTP({ ...parameters, issuer: "Ocelli", label: account, secret }).toString();
}

/** Whether a text has the form of a code. */
export function isTotpCode(text: string): boolean {
  return /^\d{6}$/.test(text);
}

/** The time step (RFC 6238) of which a code is, compared in constant time; undefined for a wrong code. */
export function stepOf(secret: string, code: string, at: Date): number | undefined {
  if (!isTotpCode(code)) return undefined;
  const timestamp = at.getTime();
  const delta = TOTP.validate({
    ...parameters,
    token: code,
    secret: Secret.fromBase32(secret),
    timestamp,
    window,
  });
  return delta === null ? undefined : TOTP.counter({ period: parameters.period, timestamp }) + delta;
}
