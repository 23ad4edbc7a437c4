import type { Hono } from "hono";
import type { GatewayEnv } from "./context.ts";

const maxLength = 256;
const id = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Makes the form of a path that may be traced: words of the app's own routes and ids. What else stands in a path was put
 * there by people, who take a name or an address for an id, and becomes `*`. Routes are read at the first request.
 */
export function createPathTrace(app: Pick<Hono<GatewayEnv>, "routes">): (path: string) => string {
  let known: ReadonlySet<string> | undefined;
  return (path) => {
    known ??= new Set(app.routes.flatMap((route) => route.path.split("/")).filter(isWord));
    const words = known;
    const readable = path
      .slice(0, maxLength)
      .split("/")
      .map((part) => (part === "" || words.has(part) || id.test(part) ? part : "*"));
    return readable.join("/");
  };
}

function isWord(part: string): boolean {
  return /^[\w.-]+$/.test(part);
}
