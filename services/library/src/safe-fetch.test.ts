import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttp, type RequestListener, type Server } from "node:http";
import { createServer as createHttps } from "node:https";
import { type AddressInfo, createServer as createTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { createSafeFetch, type SafeFetch, type SafeFetchOptions } from "./safe-fetch.ts";

const open: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function listen(server: Server | ReturnType<typeof createTcp>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

const serve = (answer: RequestListener) => listen(createHttp(answer));

function safeFetch(options: Partial<SafeFetchOptions> = {}): SafeFetch {
  const fetch = createSafeFetch({ allowPrivate: true, timeoutMs: 1000, ...options });
  open.push(() => fetch.close());
  return fetch;
}

const post = (fetch: SafeFetch, url: string) => fetch.post(new URL(url), "{}", {});

describe("requests to addresses of strangers", () => {
  test("tell what the server answered, whatever it was", async () => {
    const port = await serve((request, response) =>
      response.writeHead(request.method === "POST" ? 207 : 500).end(),
    );
    expect(await post(safeFetch(), `http://127.0.0.1:${port}/`)).toEqual({ status: 207, error: "" });
  });

  test("go to no closed address, by name or by number, however many good ones the name has as well", async () => {
    const reached: string[] = [];
    const port = await serve((_, response) => response.end(String(reached.push(""))));
    const error = "the address is not reachable from the internet";
    const strict = (...addresses: string[]) =>
      safeFetch({ allowPrivate: false, resolve: async () => addresses });
    for (const addresses of [
      ["127.0.0.1"],
      ["8.8.8.8", "127.0.0.1"],
      ["::ffff:127.0.0.1"],
      ["169.254.169.254"],
    ]) {
      const answer = await post(strict(...addresses), `http://receiver.example.org:${port}/`);
      expect(answer).toEqual({ status: 0, error });
    }
    for (const host of ["127.0.0.1", "[::1]", "2130706433", "[::ffff:127.0.0.1]"]) {
      expect(await post(strict("8.8.8.8"), `http://${host}:${port}/`)).toEqual({ status: 0, error });
    }
    expect(reached).toEqual([]);
  });

  test("are checked at each connection: a name that moves is refused the moment it does", async () => {
    const port = await serve((_, response) => response.setHeader("connection", "close").end());
    let asked = 0;
    // Good when the webhook was made and looked at, closed when the connection is made.
    const answers = [["8.8.8.8"], ["127.0.0.1"]];
    const resolve = async () => answers[Math.min(asked++, 1)] ?? [];
    expect(await resolve()).toEqual(["8.8.8.8"]);
    const answer = await post(
      safeFetch({ allowPrivate: false, resolve }),
      `http://rebind.example.org:${port}/`,
    );
    expect(answer).toMatchObject({ status: 0, error: "the address is not reachable from the internet" });
    expect(asked).toBe(2);
  });

  test("connect to exactly the address that was checked", async () => {
    const port = await serve((request, response) =>
      response.writeHead(request.headers.host === `name.example:${port}` ? 200 : 400).end(),
    );
    const fetch = safeFetch({ resolve: async () => ["127.0.0.1"] });
    expect(await post(fetch, `http://name.example:${port}/`)).toEqual({ status: 200, error: "" });
  });

  test("follow no redirect", async () => {
    const followed: string[] = [];
    const inner = await serve((_, response) => response.end(String(followed.push(""))));
    const port = await serve((_, response) =>
      response.writeHead(302, { location: `http://127.0.0.1:${inner}/` }).end(),
    );
    expect(await post(safeFetch(), `http://127.0.0.1:${port}/`)).toEqual({ status: 302, error: "" });
    expect(followed).toEqual([]);
  });

  test("read no endless answer, and wait for no slow one", async () => {
    let sent = 0;
    const endless = await serve((_, response) => {
      const more = () => {
        while (response.writable && response.write(Buffer.alloc(1 << 16))) sent += 1 << 16;
      };
      response.on("drain", more);
      more();
    });
    expect(await post(safeFetch(), `http://127.0.0.1:${endless}/`)).toMatchObject({ status: 200 });
    expect(sent).toBeLessThan(16 << 20);
    const silent = await serve(() => undefined);
    expect(await post(safeFetch(), `http://127.0.0.1:${silent}/`)).toEqual({
      status: 0,
      error: "no answer in time",
    });
    const dripping = await serve((_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write("."), 50);
      response.once("close", () => clearInterval(timer));
    });
    expect(await post(safeFetch(), `http://127.0.0.1:${dripping}/`)).toMatchObject({ status: 0 });
  });

  test("say in a sentence why there is no answer", async () => {
    const refusing = await listen(createTcp());
    await open.pop()?.();
    expect(await post(safeFetch(), `http://127.0.0.1:${refusing}/`)).toEqual({
      status: 0,
      error: "the connection was refused",
    });
    const rude = await listen(createTcp((socket) => socket.end("nonsense\r\n\r\n")));
    expect(await post(safeFetch(), `http://127.0.0.1:${rude}/`)).toEqual({
      status: 0,
      error: "the answer is not HTTP",
    });
    const headers = await serve((_, response) => response.writeHead(200, { big: "x".repeat(16_000) }).end());
    expect(await post(safeFetch(), `http://127.0.0.1:${headers}/`)).toEqual({
      status: 0,
      error: "the answer's headers are too long",
    });
    const nowhere = safeFetch({ resolve: async () => [] });
    expect(await post(nowhere, "http://nowhere.example/")).toMatchObject({ status: 0 });
  });

  test("trust a certificate of the name that was asked for, and no other", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ocelli-tls-"));
    open.push(() => rmSync(folder, { recursive: true }));
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    execFileSync(
      "openssl",
      [
        ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=hooks.example".split(
          " ",
        ),
        ...["-addext", "subjectAltName=DNS:hooks.example", "-keyout", key, "-out", cert],
      ],
      { stdio: "ignore" },
    );
    const pem = readFileSync(cert, "utf8");
    const server = createHttps({ key: readFileSync(key), cert: pem }, (_, response) => response.end());
    const port = await listen(server);
    const resolve = async () => ["127.0.0.1"];
    const refused = { status: 0, error: "the certificate or TLS was not accepted" };
    expect(await post(safeFetch({ resolve, ca: pem }), `https://hooks.example:${port}/`)).toEqual({
      status: 200,
      error: "",
    });
    expect(await post(safeFetch({ resolve }), `https://hooks.example:${port}/`)).toEqual(refused);
    expect(await post(safeFetch({ resolve, ca: pem }), `https://other.example:${port}/`)).toEqual(refused);
    expect(await post(safeFetch({ resolve, ca: pem }), `https://127.0.0.1:${port}/`)).toEqual(refused);
  });
});
