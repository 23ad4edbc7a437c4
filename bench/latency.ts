import { Agent, request } from "node:http";
import { type Database, openDatabase } from "@ocelli/chassis";
import type { Client } from "../e2e/harness/client.ts";
import { createDirectoryBlobStore } from "../services/library/src/blobs/directory-blob-store.ts";
import { createPhotos } from "../services/library/src/photos.ts";
import type { LibraryTables } from "../services/library/src/store/tables.ts";
import { type Figure, quantile } from "./figures.ts";
import { ownerOf } from "./owner.ts";

const group = "latency";
const blockSize = 50;

/**
 * `GET /photos?pageSize=1` through gateway and gRPC against the library's own function on the same database, one at
 * a time, in alternating blocks. A route without any service gives the share of HTTP itself.
 */
export async function measureLatency(
  baseUrl: string,
  databaseUrl: string,
  client: Client,
  requests: number,
): Promise<Figure[]> {
  const database: Database<LibraryTables> = openDatabase({ url: databaseUrl, schema: "library" });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ownerId = ownerOf(client);
  const photos = createPhotos({ database, blobs: createDirectoryBlobStore("unused") });
  const sides = {
    mesh: () => get(agent, `${baseUrl}/api/v1/photos?pageSize=1`, client.token),
    direct: () => photos.list(ownerId, { pageSize: 1, pageToken: "" }),
    http: () => get(agent, `${baseUrl}/health`, ""),
  };
  try {
    const times = { mesh: [] as number[], direct: [] as number[], http: [] as number[] };
    // The first blocks only warm both sides up.
    for (let done = -3 * blockSize; done < requests; done += blockSize) {
      for (const side of ["mesh", "direct", "http"] as const) {
        const block = await time(sides[side], blockSize);
        if (done >= 0) times[side].push(...block);
      }
    }
    const p50 = (values: number[]) => quantile(values, 0.5);
    return [
      { group, name: "list of one photo over HTTP, p50", value: p50(times.mesh), unit: "ms" },
      { group, name: "list of one photo over HTTP, p95", value: quantile(times.mesh, 0.95), unit: "ms" },
      { group, name: "the library's function, p50", value: p50(times.direct), unit: "ms" },
      { group, name: "HTTP alone (/health), p50", value: p50(times.http), unit: "ms" },
      {
        group,
        name: "added by gateway and gRPC, p50",
        value: p50(times.mesh) - p50(times.direct),
        unit: "ms",
        target: { at: "most", value: 1 },
      },
    ];
  } finally {
    agent.destroy();
    await database.close();
  }
}

async function time(call: () => Promise<unknown>, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const startedAt = performance.now();
    await call();
    times.push(performance.now() - startedAt);
  }
  return times;
}

/** Node's plain HTTP client: fetch alone would cost a good part of what is measured. */
function get(agent: Agent, url: string, token: string): Promise<void> {
  const headers = token === "" ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    request(url, { agent, headers }, (response) => {
      response.resume();
      response.once("end", () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`${url}: ${response.statusCode}`)),
      );
    })
      .once("error", reject)
      .end();
  });
}
