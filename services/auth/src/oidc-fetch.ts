import type { CustomFetchOptions } from "openid-client";

/** The provider did not answer, or not as a working server does: the same may go well later. */
export class ProviderUnreachable extends Error {
  override readonly name = "ProviderUnreachable";
}

// Discovery documents, key sets and tokens of real providers have some kilobytes.
const maxResponseBytes = 256 * 1024;

/** Whether a URL names this machine. */
export function isLoopback(url: URL): boolean {
  return (
    url.hostname === "localhost" || url.hostname === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(url.hostname)
  );
}

/**
 * `fetch` for talking to the provider: never in the clear beyond this machine, never more than 256 KiB of answer, no
 * redirects.
 * @throws ProviderUnreachable for everything that is not an answer.
 */
export async function fetchFromProvider(address: string, options: CustomFetchOptions): Promise<Response> {
  const url = URL.parse(address);
  if (!url) throw new ProviderUnreachable("the provider names an address that is none");
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url))) {
    throw new ProviderUnreachable("the provider names an address that is not https");
  }
  try {
    const { method, headers, signal } = options;
    const body = options.body instanceof URLSearchParams ? options.body : null;
    const response = await fetch(url, { method, headers, body, redirect: "manual", signal: signal ?? null });
    const content = await readBounded(response);
    if (response.status >= 500 || response.status === 429) {
      throw new ProviderUnreachable(`the provider answered with ${response.status}`);
    }
    return new Response(allowsBody(response.status) ? content : null, {
      status: response.status,
      statusText: response.statusText,
      headers: withoutEncoding(response.headers),
    });
  } catch (error) {
    if (error instanceof ProviderUnreachable) throw error;
    throw new ProviderUnreachable("the provider cannot be reached", { cause: error });
  }
}

async function readBounded(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the download.
    if (bytes > maxResponseBytes) throw new ProviderUnreachable("the provider's answer is too large");
    chunks.push(chunk);
  }
  const body = new Uint8Array(bytes);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return body;
}

function allowsBody(status: number): boolean {
  return ![101, 204, 205, 304].includes(status);
}

/** The body was decoded by then. */
function withoutEncoding(headers: Headers): Headers {
  const copy = new Headers(headers);
  copy.delete("content-encoding");
  copy.delete("content-length");
  return copy;
}
