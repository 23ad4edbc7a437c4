import { type Database, openDatabase } from "@ocelli/chassis";
import type { Client } from "../e2e/harness/client.ts";
import { createPhotos } from "../services/library/src/photos.ts";
import type { LibraryTables } from "../services/library/src/store/tables.ts";
import { type Figure, median, quantile } from "./figures.ts";
import { openHttpClient, timeInTurns } from "./interleaved.ts";
import { ownerOf } from "./owner.ts";

const group = "latency";

/** Lists read no bytes. */
const neverOpened = () => Promise.reject(new Error("a list opened a photo"));

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
  const http = openHttpClient();
  const ownerId = ownerOf(client);
  const photos = createPhotos({ database, contents: { open: neverOpened }, clean: { open: neverOpened } });
  try {
    const [mesh = [], direct = [], alone = []] = await timeInTurns(requests, [
      () => http.get(`${baseUrl}/api/v1/photos?pageSize=1`, { authorization: `Bearer ${client.token}` }),
      () =>
        photos.list(ownerId, {
          pageSize: 1,
          pageToken: "",
          filter: { trashed: false },
          order: { by: "added", descending: true },
        }),
      () => http.get(`${baseUrl}/health`),
    ]);
    return [
      { group, name: "list of one photo over HTTP, p50", value: median(mesh), unit: "ms" },
      { group, name: "list of one photo over HTTP, p95", value: quantile(mesh, 0.95), unit: "ms" },
      { group, name: "the library's function, p50", value: median(direct), unit: "ms" },
      { group, name: "HTTP alone (/health), p50", value: median(alone), unit: "ms" },
      {
        group,
        name: "added by gateway and gRPC, p50",
        value: median(mesh) - median(direct),
        unit: "ms",
        target: { at: "most", value: 1 },
      },
    ];
  } finally {
    http.close();
    await database.close();
  }
}
