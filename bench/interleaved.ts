import { Agent, request } from "node:http";

/** Does something once; may answer how long it took in milliseconds, else the whole call is timed. */
export type Call = () => Promise<unknown>;

const blockSize = 50;
const warmUpBlocks = 3;

/**
 * Times several calls, one at a time, in alternating blocks, so that whatever else the machine does meets all of them.
 * Resolves with the milliseconds of each call's runs, in the order of `calls`; the first blocks only warm up.
 */
export async function timeInTurns(count: number, calls: readonly Call[]): Promise<number[][]> {
  const times = calls.map((): number[] => []);
  for (let done = -warmUpBlocks * blockSize; done < count; done += blockSize) {
    for (const [index, call] of calls.entries()) {
      const block = await timeBlock(call);
      if (done >= 0) times[index]?.push(...block);
    }
  }
  return times;
}

async function timeBlock(call: Call): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < blockSize; index += 1) {
    const startedAt = performance.now();
    const own = await call();
    times.push(typeof own === "number" ? own : performance.now() - startedAt);
  }
  return times;
}

/** Node's plain HTTP client on one kept connection: fetch alone would cost a good part of what is measured. */
export interface HttpClient {
  /** @throws Error for every answer but 200. */
  get(url: string, headers?: Record<string, string>): Promise<void>;
  close(): void;
}

/** Opens an {@link HttpClient}. */
export function openHttpClient(): HttpClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    get: (url, headers = {}) =>
      new Promise((resolve, reject) => {
        request(url, { agent, headers }, (response) => {
          response.resume();
          response.once("end", () =>
            response.statusCode === 200 ? resolve() : reject(new Error(`${url}: ${response.statusCode}`)),
          );
        })
          .once("error", reject)
          .end();
      }),
    close: () => agent.destroy(),
  };
}
