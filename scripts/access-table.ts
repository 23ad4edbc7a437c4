import { type Access, accessByPath } from "../packages/contracts/src/index.ts";

const begin = "<!-- written by `npm run docs:config` from packages/contracts/src/access.ts -->";
const end = "<!-- end -->";
const order: readonly Access[] = [
  "public",
  "session",
  "profile",
  "photos:read",
  "photos:write",
  "analyze",
  "search",
  "people",
  "admin",
  "service",
];

/**
 * Puts the table of who may call what into the text that holds its marks.
 * @throws Error when the marks are not there.
 */
export function withAccessTable(text: string): string {
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new Error("the marks of the access table are missing");
  return `${before}${begin}\n\n${accessTable()}\n\n${end}${after}`;
}

/** A row per rule: the gRPC methods that it opens, by service. */
function accessTable(): string {
  const rows = order.map((rule) => `| \`${rule}\` | ${methodsOf(rule) || "nothing yet"} |`);
  return ["| rule | opens |", "| --- | --- |", ...rows].join("\n");
}

function methodsOf(rule: Access): string {
  const byService = new Map<string, string[]>();
  for (const [path, access] of accessByPath) {
    // `/ocelli.auth.v1.AuthService/Login`
    const [, service = "", method = ""] = /\.(\w+)\/(\w+)$/.exec(path) ?? [];
    if (access === rule) byService.set(service, [...(byService.get(service) ?? []), method]);
  }
  return [...byService].map(([service, methods]) => `${service}: ${methods.join(", ")}`).join("; ");
}
