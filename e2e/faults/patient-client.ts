import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { testPassword } from "../harness/client.ts";
import type { Recorder } from "./recorder.ts";

/** What a request came to. */
export interface Outcome {
  status: number;
  /** Undefined where there is none, or it is no JSON. */
  body: unknown;
  bytes: Buffer;
  /** Some try ended without saying whether it had an effect. */
  doubtful: boolean;
}

/** Settings of {@link PatientClient}. */
export interface PatientClientOptions {
  url: string;
  email: string;
  recorder: Recorder;
}

// Longer than any pause of a short run, so that a request in a stopped process is mostly waited for, not repeated.
const answerMs = 20_000;
const patienceMs = 90_000;
const longestWaitMs = 5_000;
const tokens = z.object({ accessToken: z.string() });

/** A user whose program behaves: it repeats what may be repeated, waits as it is told, and logs in again when it must. */
export class PatientClient {
  readonly #options: PatientClientOptions;
  #token = "";

  constructor(options: PatientClientOptions) {
    this.#options = options;
  }

  /** Makes the account and logs in. */
  async signUp(): Promise<void> {
    const { email } = this.#options;
    await this.send("POST", "/auth/signup", { email, password: testPassword, name: "Test Person" });
    await this.#logIn();
  }

  /** A request with a JSON body, or with none. */
  send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    if (body === undefined) return this.request(path, { method, headers });
    const withType = { "content-type": "application/json", ...headers };
    return this.request(path, { method, headers: withType, body: JSON.stringify(body) });
  }

  /** Uploads a file: sent twice it is the same photo, so that it may be repeated. */
  upload(bytes: Uint8Array<ArrayBuffer>, filename: string): Promise<Outcome | undefined> {
    const form = new FormData();
    form.set("file", new Blob([bytes]), filename);
    return this.request("/photos", { method: "POST", body: form });
  }

  /**
   * Repeats a request until it has an answer that says what became of it.
   * @returns undefined when there was none for as long as anybody would wait.
   */
  async request(path: string, init: RequestInit): Promise<Outcome | undefined> {
    const deadline = performance.now() + patienceMs;
    let doubtful = false;
    for (let failures = 0; performance.now() < deadline; failures += 1) {
      const outcome = await this.#attempt(path, init);
      if (outcome && !("waitMs" in outcome)) return { ...outcome, doubtful };
      if (!outcome) doubtful = true;
      if (outcome?.status === 401) await this.#logIn();
      // 429 and 507 are said before anything is done.
      if (outcome && outcome.status >= 500 && outcome.status !== 507) doubtful = true;
      const waitMs = outcome?.waitMs ?? Math.min(longestWaitMs, 100 * 2 ** failures);
      await delay(Math.min(waitMs, longestWaitMs));
    }
    return undefined;
  }

  async #logIn(): Promise<void> {
    const body = { email: this.#options.email, password: testPassword };
    this.#token = "";
    const answer = await this.send("POST", "/auth/login", body);
    if (answer?.status === 200) this.#token = tokens.parse(answer.body).accessToken;
  }

  /** One try. `waitMs` in what it returns: it is to be tried again. Undefined: there was no answer. */
  async #attempt(path: string, init: RequestInit) {
    const { recorder, url } = this.#options;
    const headers = new Headers(init.headers);
    if (this.#token) headers.set("authorization", `Bearer ${this.#token}`);
    try {
      const response = await fetch(`${url}/api/v1${path}`, {
        ...init,
        headers,
        signal: AbortSignal.timeout(answerMs),
      });
      const bytes = Buffer.from(await response.arrayBuffer());
      const body = parsed(response, bytes);
      const { status } = response;
      recorder.answer(`${init.method ?? "GET"} ${path}`, response, status >= 400 ? bytes.toString() : "");
      const again =
        status >= 500 || status === 429 || status === 408 || (status === 401 && this.#token !== "");
      if (!again) return { status, body, bytes };
      return { status, body, bytes, waitMs: retryAfterMs(response) };
    } catch {
      recorder.unanswered();
      return undefined;
    }
  }
}

/** Undefined where the answer does not say: then it is waited longer each time. */
function retryAfterMs({ headers }: Response): number | undefined {
  const seconds = headers.get("retry-after");
  return seconds === null ? undefined : Number(seconds) * 1_000;
}

function parsed(response: Response, bytes: Buffer): unknown {
  if (!/json/.test(response.headers.get("content-type") ?? "")) return undefined;
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
