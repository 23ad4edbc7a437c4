import { type Access, accessByPath, scopes } from "@ocelli/contracts";
import { expect, test } from "vitest";
import { AppError } from "../errors/app-error.ts";
import { checkAccess, hasScope } from "./access.ts";
import { anonymous, type Identity } from "./identity.ts";

const userId = "01999999-0000-7000-8000-000000000001";
const id = "01999999-0000-7000-8000-000000000002";

function user(kind: "session" | "api-key", held: readonly string[]): Identity {
  return { kind: "user", userId, grant: { kind, id }, scopes: new Set(held) };
}

function account(held: readonly string[]): Identity {
  return { kind: "service", service: "x", internal: false, scopes: new Set(held), userId, grantId: id };
}

const ownService: Identity = { kind: "service", service: "face", internal: true, scopes: new Set(), userId };
const identities = {
  nobody: anonymous,
  "a session": user("session", scopes),
  "a session without a scope": user("session", []),
  "an API key": user("api-key", scopes),
  "an API key without a scope": user("api-key", []),
  "a service account": account(scopes),
  "a service account without a scope": account([]),
  // Names of other rules are no scopes that open anything.
  "a session with strange scopes": user("session", ["public", "service", "session", "*", ""]),
  "one of Ocelli's own services": ownService,
} satisfies Record<string, Identity>;
type Who = keyof typeof identities;

/** Who gets into a method with a scope; each scope opens its own methods only. */
const scopeTable: Record<Who, string> = {
  nobody: "UNAUTHENTICATED",
  "a session": "ok",
  "a session without a scope": "SCOPE_REQUIRED",
  "an API key": "ok",
  "an API key without a scope": "SCOPE_REQUIRED",
  "a service account": "ok",
  "a service account without a scope": "SCOPE_REQUIRED",
  "a session with strange scopes": "SCOPE_REQUIRED",
  "one of Ocelli's own services": "ok",
};
const everybody = Object.fromEntries(Object.keys(identities).map((who) => [who, "ok"]));
const table: Record<Access, Record<string, string>> = {
  public: everybody,
  session: {
    ...Object.fromEntries(Object.keys(identities).map((who) => [who, "SESSION_REQUIRED"])),
    nobody: "UNAUTHENTICATED",
    "a session": "ok",
    "a session without a scope": "ok",
    "a session with strange scopes": "ok",
    "one of Ocelli's own services": "ok",
  },
  service: {
    ...Object.fromEntries(Object.keys(identities).map((who) => [who, "SERVICES_ONLY"])),
    nobody: "UNAUTHENTICATED",
    "one of Ocelli's own services": "ok",
  },
  "photos:read": scopeTable,
  "photos:write": scopeTable,
  analyze: scopeTable,
  search: scopeTable,
  people: scopeTable,
  profile: scopeTable,
  admin: scopeTable,
};

function outcomeOf(path: string, identity: Identity): string {
  try {
    checkAccess(path, identity);
    return "ok";
  } catch (error) {
    return AppError.from(error).reason;
  }
}

test.each([...accessByPath])("%s is open to whom its rule (%s) says", (path, access) => {
  const outcomes = Object.entries(identities).map(([who, identity]) => [who, outcomeOf(path, identity)]);
  expect(Object.fromEntries(outcomes)).toEqual(table[access]);
});

test.each([...accessByPath].filter(([, access]) => scopes.some((scope) => scope === access)))(
  "%s needs the scope %s and no other",
  (path, access) => {
    for (const kind of ["session", "api-key"] as const) {
      const others = scopes.filter((scope) => scope !== access);
      expect(outcomeOf(path, user(kind, others))).toBe("SCOPE_REQUIRED");
      expect(outcomeOf(path, user(kind, [access]))).toBe("ok");
    }
  },
);

test.each([
  "",
  "/",
  "/ocelli.auth.v1.AuthService",
  "/ocelli.auth.v1.AuthService/",
  "/ocelli.auth.v1.AuthService/Unknown",
  "/ocelli.auth.v1.AuthService/login",
  "/ocelli.auth.v1.AuthService/Login/",
  "//ocelli.auth.v1.AuthService/Login",
  "ocelli.auth.v1.AuthService/Login",
  "/ocelli.other.v1.Service/Login",
  "constructor",
  "__proto__",
])("a path without a rule (%j) is closed to everybody", (path) => {
  for (const identity of Object.values(identities)) expect(outcomeOf(path, identity)).toBe("METHOD_CLOSED");
});

test("Ocelli's own services hold every scope, nobody holds none, others what their token says", () => {
  expect(hasScope(ownService, "admin")).toBe(true);
  expect(hasScope(anonymous, "search")).toBe(false);
  expect(hasScope(user("api-key", ["search"]), "search")).toBe(true);
  expect(hasScope(user("session", ["search"]), "admin")).toBe(false);
  expect(hasScope(account(["search"]), "admin")).toBe(false);
});
