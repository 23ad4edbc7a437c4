import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What the provider's process is started with. */
export interface OidcProviderSettings {
  /** 0 for any free one. */
  port: number;
  clientId: string;
  clientSecret: string;
  redirectUri: string;
}

/** What the provider's process is told while it runs. */
export type OidcProviderCommand =
  | { kind: "person"; subject: string; claims: Record<string, unknown> }
  | {
      kind: "tamper";
      /** Put over the claims of every ID token from now on. */
      claims: Record<string, unknown>;
      /** Who signs it. */
      signature: "own" | "foreign" | "none";
    };

/** A person with an account at the provider. */
export interface OidcPerson {
  subject: string;
  email?: string;
  emailVerified?: boolean;
  name?: string;
}

/** A real OpenID provider (`oidc-provider`) in a process of its own, on a loopback port. */
export interface OidcProvider {
  issuer: string;
  clientId: string;
  clientSecret: string;
  port: number;
  /**
   * Logs in as a browser would: follows redirects, keeps cookies, sends the login and consent forms.
   * @returns the address the provider sends the browser back to.
   */
  login(authorizationUrl: string, person: OidcPerson): Promise<string>;
  /** Goes to the provider and says no there. Returns the address the browser is sent back to. */
  refuse(authorizationUrl: string): Promise<string>;
  /** Makes the provider a liar: see {@link OidcProviderCommand}. */
  tamper(
    claims: Record<string, unknown>,
    options?: { signature?: "own" | "foreign" | "none" },
  ): Promise<void>;
  stop(): Promise<void>;
}

const maxRedirects = 20;

/** Starts a provider that knows one client. */
export async function startOidcProvider(options: {
  /** Where the provider may send browsers back to. */
  redirectUri: string;
  port?: number;
  clientId?: string;
  clientSecret?: string;
}): Promise<OidcProvider> {
  const settings: OidcProviderSettings = {
    port: options.port ?? 0,
    clientId: options.clientId ?? "ocelli",
    clientSecret: options.clientSecret ?? randomBytes(24).toString("base64url"),
    redirectUri: options.redirectUri,
  };
  const script = fileURLToPath(new URL("oidc-provider-process.ts", import.meta.url));
  // It warns of everything that a real installation must not do.
  const child = fork(script, [JSON.stringify(settings)], {
    execArgv: [],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const onExit = () => child.kill("SIGKILL");
  process.once("exit", onExit);
  const { issuer } = await answerOf<{ issuer: string }>(child);
  const tell = async (command: OidcProviderCommand) => {
    const answered = answerOf(child);
    child.send(command);
    await answered;
  };
  return {
    issuer,
    clientId: settings.clientId,
    clientSecret: settings.clientSecret,
    port: Number(new URL(issuer).port),
    async login(authorizationUrl, { subject, email, emailVerified, name }) {
      await tell({ kind: "person", subject, claims: { email, email_verified: emailVerified, name } });
      return browse(authorizationUrl, issuer, subject);
    },
    refuse: (authorizationUrl) => browse(authorizationUrl, issuer, undefined),
    tamper: (claims, { signature = "own" } = {}) => tell({ kind: "tamper", claims, signature }),
    async stop() {
      process.off("exit", onExit);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    },
  };
}

async function answerOf<Answer>(child: ChildProcess): Promise<Answer> {
  const ended = new AbortController();
  const onExit = () => ended.abort(new Error("the OpenID provider's process ended"));
  child.once("exit", onExit);
  try {
    const [answer] = await once(child, "message", { signal: ended.signal });
    return answer as Answer; // what oidc-provider-process.ts sends
  } finally {
    child.off("exit", onExit);
  }
}

/** Follows the provider until it sends the browser elsewhere. Without a subject it presses the link that refuses. */
async function browse(start: string, issuer: string, subject: string | undefined): Promise<string> {
  const cookies = new Map<string, string>();
  let url = new URL(start);
  let form: URLSearchParams | undefined;
  for (let count = 0; count < maxRedirects; count++) {
    if (url.origin !== issuer) return url.href;
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
      ...(form ? { method: "POST", body: form } : {}),
    });
    for (const cookie of response.headers.getSetCookie()) keep(cookies, cookie);
    form = undefined;
    const location = response.headers.get("location");
    if (location !== null) {
      url = new URL(location, url);
      await response.body?.cancel();
      continue;
    }
    const page = await response.text();
    const prompt = /name="prompt" value="(login|consent)"/.exec(page)?.[1];
    if (!response.ok || prompt === undefined)
      throw new Error(`the provider shows ${response.status}: ${page}`);
    if (subject === undefined) url = new URL(`${url.pathname}/abort`, issuer);
    else form = new URLSearchParams({ prompt, login: subject, password: "any" });
  }
  throw new Error("the provider redirects without end");
}

function keep(cookies: Map<string, string>, line: string): void {
  const [pair = ""] = line.split(";");
  const separator = pair.indexOf("=");
  const name = pair.slice(0, separator);
  const value = pair.slice(separator + 1);
  if (value === "") cookies.delete(name);
  else cookies.set(name, value);
}
