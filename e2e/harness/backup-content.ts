import type { BackupSource } from "../../cli/src/backup/backup-source.ts";
import { storeNames } from "../../cli/src/backup/format.ts";
import { readBlobLines } from "../../cli/src/backup/read-blob-lines.ts";
import { readRows } from "../../cli/src/backup/rows-file.ts";

/** All that a backup holds, in a form in which two can be compared. */
export interface BackupContent {
  /** Rows by table, each as JSON, sorted. */
  rows: Map<string, string[]>;
  /** `kind sha256-of-the-original sha256-of-the-file`, in order. */
  files: string[];
  /** Next values by sequence. */
  sequences: Map<string, unknown>;
}

/** What a restore changes on purpose, by column: what is sent again, and how a server keeps vectors. */
const changing = new Set([
  "outbox.sent_at",
  "inbox.processed_at",
  "index_models.storage",
  "index_models.has_graph",
]);

/** Reads a whole backup; for small ones. */
export async function backupContent(source: BackupSource): Promise<BackupContent> {
  const rows = new Map<string, string[]>();
  const sequences = new Map<string, unknown>();
  for (const name of storeNames) {
    const store = source.manifest.stores[name];
    for (const [sequence, value] of Object.entries(store.sequences))
      sequences.set(`${name}.${sequence}`, value);
    for (const [table, { part, columns }] of Object.entries(store.tables)) {
      const found: string[] = [];
      for await (const page of readRows(source.openPart(part), part, columns.length)) {
        for (const row of page) {
          const shown = columns.map((column, at) => [
            column.name,
            shownValue(table, column.name, row[at] ?? null),
          ]);
          found.push(JSON.stringify(Object.fromEntries(shown)));
        }
      }
      rows.set(`${name}.${table}`, found.sort());
    }
  }
  const files: string[] = [];
  for await (const { key, digest } of readBlobLines(source))
    files.push(`${key.kind} ${key.sha256} ${digest}`);
  return { rows, files, sequences };
}

function shownValue(table: string, column: string, value: string | null): unknown {
  if (changing.has(`${table}.${column}`)) return "…";
  if (column !== "vector" || value === null) return value;
  // As text they have the digits that a 32-bit float needs.
  return value.startsWith("[")
    ? JSON.parse(value).map(Math.fround)
    : halvesOf(Buffer.from(value.slice(2), "hex"));
}

/** 16-bit floats as numbers (IEEE 754 binary16, little-endian). */
function halvesOf(bytes: Buffer): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength / 2 }, (_, index) => {
    const bits = view.getUint16(index * 2, true);
    const [exponent, fraction] = [(bits >> 10) & 0x1f, bits & 0x3ff];
    const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
    return bits & 0x8000 ? -size : size;
  });
}
