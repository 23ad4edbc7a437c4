import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from "node:http";

/** An answer as it came. */
export interface RawAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Parsed, when it is JSON. */
  body: Record<string, unknown>;
}

/** A request with headers as given: several lines for a list, and any that `fetch` would not send. */
export function rawRequest(
  url: string,
  options: { method?: string; headers?: OutgoingHttpHeaders; body?: string } = {},
): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  const outgoing = request(url, { method: options.method ?? "GET", headers: options.headers ?? {} });
  outgoing.once("error", reject).once("response", (response) => {
    let text = "";
    response
      .setEncoding("utf8")
      .on("data", (chunk: string) => {
        text += chunk;
      })
      .once("error", reject)
      .once("end", () => {
        const isJson = /json/.test(response.headers["content-type"] ?? "");
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: isJson ? JSON.parse(text) : {},
        });
      });
  });
  outgoing.end(options.body);
  return promise;
}
