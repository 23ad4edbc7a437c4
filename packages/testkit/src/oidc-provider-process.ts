import { createServer } from "node:http";
import { exportJWK, generateKeyPair, type JWTPayload, jwtVerify, SignJWT } from "jose";
import { Provider } from "oidc-provider";
import type { OidcProviderCommand, OidcProviderSettings } from "./oidc-provider.ts";

// The provider itself: started by `startOidcProvider` with its settings as argument, and told of people over IPC.

const settings = JSON.parse(process.argv[2] ?? "") as OidcProviderSettings; // what startOidcProvider wrote
const { privateKey, publicKey } = await generateKeyPair("RS256", { extractable: true });
const foreign = await generateKeyPair("RS256");
const kid = "testkit";
const people = new Map<string, Record<string, unknown>>();
let tampering: Extract<OidcProviderCommand, { kind: "tamper" }> | undefined;

const server = createServer();
server.listen(settings.port, "127.0.0.1", () => {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the provider has no port");
  const issuer = `http://127.0.0.1:${address.port}`;
  void createProvider(issuer).then((handle) => {
    server.on("request", handle);
    process.send?.({ issuer });
  });
});
process.on("message", (command: OidcProviderCommand) => {
  if (command.kind === "person") people.set(command.subject, command.claims);
  else tampering = command;
  process.send?.({ done: true });
});
process.on("disconnect", () => process.exit());

async function createProvider(issuer: string) {
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: settings.clientId,
        client_secret: settings.clientSecret,
        redirect_uris: [settings.redirectUri],
      },
    ],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid, alg: "RS256", use: "sig" }] },
    cookies: { keys: ["testkit"] },
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "preferred_username"] },
    ttl: { Session: 600, Interaction: 600, Grant: 600, AccessToken: 600, IdToken: 600 },
    findAccount: (_context, subject) => {
      const claims = people.get(subject);
      return claims && { accountId: subject, claims: async () => ({ ...claims, sub: subject }) };
    },
  });
  provider.use(async (context, next) => {
    await next();
    const { body } = context;
    if (tampering && context.path === "/token" && typeof body === "object" && body && "id_token" in body) {
      context.body = { ...body, id_token: await forge(String(body.id_token)) };
    }
  });
  return provider.callback();
}

/** The provider's own ID token with other claims, signed by its own key, by another, or not at all. */
async function forge(idToken: string): Promise<string> {
  const { payload } = await jwtVerify(idToken, publicKey);
  const claims: JWTPayload = { ...payload, ...tampering?.claims };
  if (tampering?.signature === "none") {
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
    return `${encode({ alg: "none" })}.${encode(claims)}.`;
  }
  const key = tampering?.signature === "foreign" ? foreign.privateKey : privateKey;
  return new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid }).sign(key);
}
