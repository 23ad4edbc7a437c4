import { AppError, type CallOrigin, type Identity, type IdentityContext } from "@ocelli/chassis";
import { authV1, libraryV1 } from "@ocelli/contracts";
import { unimplemented } from "@ocelli/testkit";
import type { CompatServiceDefinition, ServiceImplementation, Status } from "nice-grpc";
import { defaultSessionId, defaultUserId } from "./tokens.ts";

/** One call as a service behind the gateway got it. */
export interface RecordedCall {
  readonly method: string;
  readonly request: unknown;
  readonly identity: Identity;
  readonly origin: CallOrigin;
}

/** What the services of accounts and access were asked, and what they are to say. */
export interface AccessWorld {
  readonly calls: RecordedCall[];
  /** Errors by method, instead of an answer. */
  readonly failures: Map<string, AppError>;
  /** Answers by method, instead of the usual one. */
  readonly answers: Map<string, object>;
}

/** An empty {@link AccessWorld}. */
export function createAccessWorld(): AccessWorld {
  return { calls: [], failures: new Map(), answers: new Map() };
}

/** Makes a method fail as its service would. */
export function failWith(world: AccessWorld, method: string, code: Status, reason: string): void {
  world.failures.set(method, new AppError({ code, reason, message: "As the test asked for." }));
}

/** An account. */
export const ada = authV1.User.fromPartial({
  id: defaultUserId,
  email: "ada@example.org",
  name: "Ada",
  role: "admin",
  createdAt: new Date("2026-01-01T00:00:00Z"),
  emailVerified: true,
  hasPassword: true,
});

/** Id of the API key, service account and audit entry that the answers name. */
export const someId = "018f0000-0000-7000-8000-0000000000aa";

const at = new Date("2026-02-03T04:05:06Z");
const apiKey = {
  id: someId,
  name: "backup",
  prefix: "ocelli_ak_3xQz9aB2",
  scopes: ["search"],
  createdAt: at,
};
const serviceAccount = { id: someId, name: "frame", scopes: ["search"], userId: "", createdAt: at };
const entry = { id: someId, at, actor: defaultUserId, action: "session.opened", outcome: "success" };
const session = {
  id: defaultSessionId,
  createdAt: at,
  lastUsedAt: at,
  expiresAt: at,
  address: "192.0.2.1",
  userAgent: "Browser",
  method: "password",
  current: true,
};
const identity = { id: "i".repeat(43), issuer: "https://id.example.org", subject: "ada", linkedAt: at };
const usage = { bytes: 5_000_000_000, photos: 12, maxBytes: 10_000_000_000, maxPhotos: 0 };
const recoveryCodes = ["aaaa-bbbb", "cccc-dddd"];

/** Methods of the auth service that need no more than an answer. */
export function authMethods(world: AccessWorld) {
  return answering(world, authV1.AuthServiceDefinition, {
    listSessions: { sessions: [session], nextPageToken: "more" },
    revokeSession: {},
    revokeOtherSessions: { sessionIds: [someId] },
    changePassword: { sessionIds: [someId] },
    requestPasswordReset: {},
    resetPassword: {},
    verifyEmail: {},
    requestEmailVerification: {},
    changeEmail: {},
  });
}

/** Every further service of auth, for a server to add. */
export function accessServices(world: AccessWorld) {
  return {
    users: answering(world, authV1.UserServiceDefinition, {
      getUser: { user: ada },
      findUser: { userId: someId, name: "Ben" },
      listUsers: { users: [ada], nextPageToken: "more" },
      createUser: { user: { ...ada, id: someId } },
      updateUser: { user: { ...ada, name: "Countess" } },
      deleteUser: { deletedAt: at },
      endUserSessions: { sessionIds: [someId] },
    }),
    apiKeys: answering(world, authV1.ApiKeyServiceDefinition, {
      createApiKey: { apiKey, secret: "ocelli_ak_secret" },
      listApiKeys: { apiKeys: [apiKey], nextPageToken: "" },
      deleteApiKey: {},
    }),
    serviceAccounts: answering(world, authV1.ServiceAccountServiceDefinition, {
      createServiceAccount: { serviceAccount, secret: "ocelli_sa_secret" },
      listServiceAccounts: { serviceAccounts: [serviceAccount], nextPageToken: "" },
      deleteServiceAccount: {},
    }),
    twoFactor: answering(world, authV1.TwoFactorServiceDefinition, {
      getTwoFactor: { enabled: true, recoveryCodesLeft: 9 },
      beginTwoFactor: { secret: "JBSWY3DP", otpauthUri: "otpauth://totp/Ocelli:ada" },
      confirmTwoFactor: { recoveryCodes },
      disableTwoFactor: {},
      replaceRecoveryCodes: { recoveryCodes },
    }),
    oidc: answering(world, authV1.OidcServiceDefinition, {
      getOidc: { enabled: true, providerName: "Example" },
      beginOidc: { authorizationUrl: "https://id.example.org/authorize?state=s" },
      finishOidc: { tokens: { accessToken: "at", refreshToken: "rt", expiresIn: 600 }, returnTo: "" },
      listIdentities: { identities: [identity] },
      unlinkIdentity: { sessionIds: [someId] },
    }),
    audit: answering(world, authV1.AuditServiceDefinition, {
      listAudit: { entries: [entry], nextPageToken: "more" },
      listActivity: { entries: [entry], nextPageToken: "" },
    }),
  };
}

/** Methods of the library about usage. */
export function usageMethods(world: AccessWorld) {
  return answering(world, libraryV1.LibraryServiceDefinition, {
    getUsage: { usage },
    getUserUsage: { usage },
    setQuota: { usage },
  });
}

type Handler = (request: unknown, context: IdentityContext) => Promise<object>;

/** The same implementation, whose given unary methods record their calls and answer or fail as the test wants. */
export function recordCalls<Implementation extends object>(
  world: AccessWorld,
  implementation: Implementation,
  methods: ReadonlyArray<keyof Implementation & string>,
): Implementation {
  const recording = methods.map((method): [string, Handler] => {
    // Only unary methods are named.
    const inner = implementation[method] as Handler;
    return [
      method,
      async (request, context) => {
        world.calls.push({ method, request, identity: context.identity, origin: context.origin });
        const failure = world.failures.get(method);
        if (failure) throw failure;
        return world.answers.get(method) ?? inner(request, context);
      },
    ];
  });
  return { ...implementation, ...Object.fromEntries(recording) };
}

/** An implementation that records each call of the given methods and answers as given; others refuse. */
export function answering<D extends CompatServiceDefinition>(
  world: AccessWorld,
  definition: D,
  answers: Readonly<Record<string, object>>,
): ServiceImplementation<D, IdentityContext> {
  const methods = Object.entries(answers).map(([method, usual]) => [method, async () => usual]);
  const all = { ...unimplemented(definition), ...Object.fromEntries(methods) };
  return recordCalls(world, all, Object.keys(answers));
}
