import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { OcelliProcess } from "./ocelli-process.ts";

/** Every file in a data folder outside of the database: blobs, uploads in progress, anything forgotten. */
export function storedFiles(dataFolder: string): string[] {
  const own = new Set(["lock", "layout", "database-url"]);
  return readdirSync(dataFolder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dataFolder.length + 1))
    .filter((file) => !own.has(file) && !file.startsWith("database/"));
}

/** The sum of a Prometheus metric over all series whose labels match. */
export async function metric(baseUrl: string, name: string, labels: RegExp = /^/): Promise<number> {
  const text = await (await fetch(`${baseUrl}/metrics`)).text();
  return text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => labels.test(line))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

/** What a server must never show, however bad its input: 5xx answers and log lines of level error or worse. */
export async function serverFaults(ocelli: OcelliProcess): Promise<{ answers: number; logged: string[] }> {
  const logged = ocelli
    .output()
    .split("\n")
    .filter((line) => /"level":[56]0/.test(line));
  return {
    answers: await metric(ocelli.address, "ocelli_http_seconds_count", /status="5\d\d"/),
    logged,
  };
}

/** Memory of a process in bytes as Linux counts it, now and at its peak; undefined elsewhere. */
export function processMemory(pid: number | undefined): { rss: number; peak: number } | undefined {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return undefined;
  const status = readFileSync(file, "utf8");
  const read = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
  return { rss: read("VmRSS"), peak: read("VmHWM") };
}
