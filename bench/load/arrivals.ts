import { setTimeout as delay } from "node:timers/promises";
import { build, type Histogram } from "hdr-histogram-js";
import { Pool } from "undici";
import { drawKind, type LoadRequest, type LoadUser, type RequestKind } from "./scenario.ts";

/** What became of the requests of one kind. */
export interface KindOutcome {
  offered: number;
  /** Answered with 2xx, to the last byte, while somebody still wanted it. */
  good: number;
  /** Told in time to come back later: 429 or 503. */
  shed: number;
  /** Answered with 2xx, too late. */
  late: number;
  /** Anything else: another status, a broken connection, no answer. */
  failed: number;
  /** Milliseconds from the moment a good request was due to its last byte. */
  latency: Histogram;
  /** What failures were, with counts. */
  failures: Map<string, number>;
}

/** Settings of {@link offer}. */
export interface Offer {
  baseUrl: string;
  users: readonly LoadUser[];
  kinds: readonly RequestKind[];
  /** Requests per second, whatever the server makes of them. */
  rate: number;
  seconds: number;
  random: () => number;
}

/** More connections than any front-end opens; beyond it requests wait in the client, and that time counts. */
const connections = 512;
const tickMs = 5;

/**
 * Offers requests at a rate that does not depend on the answers (an open loop, arrivals of a Poisson process): a server that
 * slows down is not spared, and time in line counts as latency.
 * @returns what became of the requests, by kind, once the last one has ended.
 */
export async function offer(options: Offer): Promise<Map<string, KindOutcome>> {
  const { users, kinds, rate, seconds, random } = options;
  const outcomes = new Map(kinds.map(({ name }) => [name, emptyOutcome()]));
  const pool = new Pool(options.baseUrl, { connections, pipelining: 1 });
  const inFlight = new Set<Promise<void>>();
  const startedAt = performance.now();
  let due = startedAt;
  while (due < startedAt + seconds * 1000) {
    while (due <= performance.now() && due < startedAt + seconds * 1000) {
      const kind = drawKind(kinds, random);
      const user = users[Math.floor(random() * users.length)];
      const outcome = outcomes.get(kind.name);
      if (!user || !outcome) throw new Error("there is nobody to ask");
      outcome.offered += 1;
      const request = send(pool, kind, kind.make(user), user, due, outcome);
      inFlight.add(request);
      void request.finally(() => inFlight.delete(request));
      due += (-Math.log(1 - random()) / rate) * 1000;
    }
    await delay(tickMs);
  }
  await Promise.all(inFlight);
  await pool.destroy();
  return outcomes;
}

async function send(
  pool: Pool,
  kind: RequestKind,
  request: LoadRequest,
  user: LoadUser,
  dueAt: number,
  outcome: KindOutcome,
): Promise<void> {
  try {
    const { statusCode, body } = await pool.request({
      method: request.method,
      path: `/api/v1${request.path}`,
      headers: { ...request.headers, authorization: `Bearer ${user.token}` },
      body: request.body ?? null,
      signal: AbortSignal.timeout(2 * kind.patienceMs),
    });
    // Reads to the end without keeping it.
    for await (const _ of body);
    const ms = performance.now() - dueAt;
    if (statusCode === 429 || statusCode === 503) outcome.shed += 1;
    else if (statusCode < 200 || statusCode > 299) fail(outcome, String(statusCode));
    else if (ms > kind.patienceMs) outcome.late += 1;
    else {
      outcome.good += 1;
      outcome.latency.recordValue(Math.max(1, Math.round(ms)));
    }
  } catch (error) {
    fail(outcome, error instanceof Error ? ("code" in error ? String(error.code) : error.name) : "unknown");
  }
}

function fail(outcome: KindOutcome, why: string): void {
  outcome.failed += 1;
  outcome.failures.set(why, (outcome.failures.get(why) ?? 0) + 1);
}

function emptyOutcome(): KindOutcome {
  return {
    ...{ offered: 0, good: 0, shed: 0, late: 0, failed: 0 },
    latency: build({
      lowestDiscernibleValue: 1,
      highestTrackableValue: 120_000,
      numberOfSignificantValueDigits: 3,
    }),
    failures: new Map(),
  };
}
