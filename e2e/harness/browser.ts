/** A browser as far as cookies go: it keeps them by path, and says which page a request comes from. */
export class Browser {
  readonly #baseUrl: string;
  readonly #cookies = new Map<string, { value: string; path: string; attributes: string[] }>();

  constructor(baseUrl: string) {
    this.#baseUrl = baseUrl;
  }

  /** A request as a page of `origin` makes it, this server's own by default. Redirects are not followed. */
  async request(path: string, init: RequestInit & { origin?: string } = {}): Promise<Response> {
    const { origin = this.#baseUrl, ...rest } = init;
    const headers = new Headers(init.headers);
    const cookies = this.#header(path);
    if (cookies) headers.set("cookie", cookies);
    if ((init.method ?? "GET") !== "GET") headers.set("origin", origin);
    headers.set("sec-fetch-site", origin === this.#baseUrl ? "same-origin" : "cross-site");
    const response = await fetch(`${this.#baseUrl}${path}`, { ...rest, headers, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    return response;
  }

  /** A POST with a JSON body. */
  post(path: string, body: unknown, headers: Record<string, string> = {}, origin?: string) {
    return this.request(path, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json", ...headers },
      ...(origin === undefined ? {} : { origin }),
    });
  }

  /** Name and attributes of the cookies held now. */
  cookies(): Record<string, string[]> {
    return Object.fromEntries([...this.#cookies].map(([name, { attributes }]) => [name, attributes]));
  }

  /** Value of a cookie; empty when there is none. */
  value(name: string): string {
    return this.#cookies.get(name)?.value ?? "";
  }

  #header(path: string): string {
    const fitting = [...this.#cookies].filter(([, cookie]) => path.startsWith(cookie.path));
    return fitting.map(([name, { value }]) => `${name}=${value}`).join("; ");
  }

  #keep(line: string): void {
    const [pair = "", ...attributes] = line.split("; ");
    const separator = pair.indexOf("=");
    const name = pair.slice(0, separator);
    const path = attributes.find((each) => each.startsWith("Path="))?.slice("Path=".length) ?? "/";
    if (attributes.includes("Max-Age=0")) this.#cookies.delete(name);
    else this.#cookies.set(name, { value: pair.slice(separator + 1), path, attributes });
  }
}
