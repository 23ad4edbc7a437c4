import { createHash, timingSafeEqual } from "node:crypto";
import { invalidArgument, unauthenticated } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import * as oidc from "openid-client";
import type { OidcChecks } from "./oidc-client.ts";
import type { SessionUser } from "./recent-login.ts";
import { deriveKey, open, seal } from "./sealing.ts";
import { insertOidcLogin, takeOidcLogin } from "./store/oidc.ts";
import type { AuthTables } from "./store/tables.ts";

/** A login as its browser gets it back. */
export interface TakenLogin {
  checks: OidcChecks;
  returnTo: string;
  /** Who links an account; undefined for a login. */
  linker: SessionUser | undefined;
}

/** Logins between their beginning here and the redirect back from the provider. */
export interface PendingLogins {
  /** Begins one, bound to the browser by its secret. */
  begin(login: {
    browserSecret: string;
    returnTo: string;
    linker: SessionUser | undefined;
  }): Promise<OidcChecks>;
  /**
   * Takes a login with the state that came back; whatever follows, it cannot be taken again.
   * @throws AppError UNAUTHENTICATED/INVALID_OIDC_STATE, alike for states that are unknown, too old, used, or of
   * another browser.
   */
  take(callback: { browserSecret: string; state: string }): Promise<TakenLogin>;
}

const lifetimeMs = 10 * 60_000;
// 256 random bits in base64url, as openid-client makes them.
const statePattern = /^[A-Za-z0-9_-]{43}$/;
const browserSecretPattern = /^[\x21-\x7e]{32,256}$/;

/** Creates them over the store, shared by all replicas: a login may end on another one than it began. */
export function createPendingLogins({ db, now }: { db: Kysely<AuthTables>; now: () => Date }): PendingLogins {
  return {
    async begin({ browserSecret, returnTo, linker }) {
      assertBrowserSecret(browserSecret);
      const state = oidc.randomState();
      const nonce = oidc.randomNonce();
      const codeVerifier = oidc.randomPKCECodeVerifier();
      const at = now();
      const login = {
        stateHash: sha256(state),
        browserHash: sha256(browserSecret),
        codeVerifier: seal(verifierKey(state), codeVerifier, nonce),
        nonce,
        returnTo,
        userId: linker?.userId ?? null,
        sessionId: linker?.sessionId ?? null,
        expiresAt: new Date(at.getTime() + lifetimeMs),
      };
      await insertOidcLogin(db, login, at);
      return { state, nonce, codeVerifier };
    },

    async take({ browserSecret, state }) {
      if (!statePattern.test(state) || !browserSecretPattern.test(browserSecret)) throw invalidState();
      const login = await takeOidcLogin(db, sha256(state));
      if (!login || login.expiresAt <= now()) throw invalidState();
      // Without this an attacker could finish his own login in somebody else's browser, or somebody else's in his own.
      if (!timingSafeEqual(login.browserHash, sha256(browserSecret))) throw invalidState();
      const codeVerifier = open(verifierKey(state), login.codeVerifier, login.nonce);
      const { userId, sessionId, returnTo } = login;
      return {
        checks: { state, nonce: login.nonce, codeVerifier },
        returnTo,
        linker: userId !== null && sessionId !== null ? { userId, sessionId } : undefined,
      };
    },
  };
}

/** UNAUTHENTICATED/INVALID_OIDC_STATE. */
export function invalidState(): Error {
  return unauthenticated("INVALID_OIDC_STATE", "This login is not valid, too old or was used; begin again.");
}

function assertBrowserSecret(secret: string): void {
  if (browserSecretPattern.test(secret)) return;
  throw invalidArgument("INVALID_BROWSER_SECRET", "The browser's secret is not valid.", [
    { field: "browserSecret", description: "must have 32 to 256 characters of printable ASCII" },
  ]);
}

function verifierKey(state: string): Buffer {
  return deriveKey(state, "ocelli oidc code verifier");
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
