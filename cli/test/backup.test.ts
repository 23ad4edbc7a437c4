import { createHash } from "node:crypto";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NativePostgres, startNativePostgres } from "@ocelli/testkit";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { backupContent } from "../../e2e/harness/backup-content.ts";
import { openSource } from "../src/backup/backup-source.ts";
import { createBackup } from "../src/backup/create-backup.ts";
import { openDirectoryTarget } from "../src/backup/directory-target.ts";
import { decodeManifest, encodeManifest, type Manifest, manifestFile } from "../src/backup/format.ts";
import { openBlobs } from "../src/backup/open-blobs.ts";
import { restoreBackup } from "../src/backup/restore-backup.ts";
import { readContent, readEntries } from "../src/backup/tar-reader.ts";
import { openTarTarget } from "../src/backup/tar-target.ts";
import { TarWriter } from "../src/backup/tar-writer.ts";
import { verifySource } from "../src/backup/verify-backup.ts";
import { Releases } from "../src/releases.ts";
import { committedBackups, fixtureEmail, schemaDigest } from "./backup-fixtures.ts";

let postgres: NativePostgres;
let folder: string;
let newest: string;
let number = 0;
const releases = new Releases();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "ocelli-backup-"));
  postgres = await startNativePostgres();
  const digest = await schemaDigest();
  newest = committedBackups().find((path) => path.includes(digest)) ?? "";
});
afterAll(async () => {
  await releases.run();
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** An empty system: all stores in one database. */
async function emptySystem() {
  number += 1;
  const url = await postgres.createDatabase(`system_${number}`);
  const blobs = join(folder, `blobs-${number}`);
  return {
    url,
    blobFolder: blobs,
    stores: { search: url, captioning: url, face: url, scene: url, library: url, auth: url },
    blobs: await openBlobs({ LIBRARY_DATA: blobs }, releases),
  };
}

async function restore(
  path: string,
  system: Awaited<ReturnType<typeof emptySystem>>,
  drill = false,
  allowDamaged = false,
) {
  const source = await openSource(path);
  try {
    return await restoreBackup({ source, openTarget: async () => system, drill, allowDamaged });
  } finally {
    await source.close();
  }
}

async function query(url: string, text: string): Promise<pg.QueryResultRow[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

async function contentOf(path: string) {
  const source = await openSource(path);
  try {
    return await backupContent(source);
  } finally {
    await source.close();
  }
}

const common = { version: "test", now: () => new Date(), renditions: true, readBack: true };

test("there is a committed backup of today's schema; write one with cli/test/write-backup-fixture.ts", () => {
  expect(newest).not.toBe("");
  for (const path of committedBackups()) expect(statSync(path).size).toBeLessThan(300_000);
});

test.each(committedBackups().map((path) => [path.slice(path.lastIndexOf("/") + 1), path]))(
  "the committed %s is restored into an empty system and migrated to today's schema",
  async (_name, path) => {
    const system = await emptySystem();
    await restore(path, system, true);
    expect(await query(system.url, "select email from auth.users")).toEqual([{ email: fixtureEmail }]);
    expect(await query(system.url, "select title, favorite from library.photos")).toEqual([
      { title: "Portrait", favorite: true },
    ]);
    expect(await query(system.url, "select name from face.people")).toEqual([{ name: "Eileen" }]);
    expect(
      await query(system.url, "select octet_length(vector) as bytes from search.vectors_1"),
    ).toHaveLength(1);
    expect(await query(system.url, "select enabled from library.webhooks")).toEqual([{ enabled: false }]);
    expect(await query(system.url, "select id from library.outbox where sent_at is not null")).toEqual([]);
    // Rows went in past triggers and keys, which are there again.
    await expect(query(system.url, "update auth.audit_log set actor = ''")).rejects.toThrow("append-only");
    await expect(query(system.url, "delete from library.images")).rejects.toThrow("foreign key");
    const [{ sha256 } = { sha256: "" }] = await query(system.url, "select sha256 from library.images");
    const original = readFileSync(join(system.blobFolder, sha256.slice(0, 2), sha256.slice(2, 4), sha256));
    expect(createHash("sha256").update(original).digest("hex")).toBe(sha256);
  },
);

describe("a system that was restored", () => {
  let system: Awaited<ReturnType<typeof emptySystem>>;
  let backups: string;
  beforeAll(async () => {
    system = await emptySystem();
    backups = join(folder, "backups");
    await restore(newest, system);
  });

  const warnings: string[] = [];
  const warn = (line: string) => warnings.push(line);

  const backUp = async (keep?: number, now?: Date) => {
    const target = await openDirectoryTarget({ path: backups, now: now ?? new Date(), keep, warn });
    try {
      return await createBackup({ ...common, ...system, target, readBack: false });
    } finally {
      await target.discard();
    }
  };

  test("is not restored into once more", async () => {
    await expect(restore(newest, system)).rejects.toThrow(
      /^the target is not empty \(search\.\w+ has rows\); /,
    );
  });

  test("gives the same backup, into a folder as well, where a photo lies once for all of them", async () => {
    const first = await backUp();
    const [{ sha256 } = { sha256: "" }] = await query(system.url, "select sha256 from library.images");
    const blob = join(backups, "blobs", sha256.slice(0, 2), sha256);
    const { ino } = statSync(blob);
    expect([statSync(blob).mode & 0o777, statSync(join(first.path, manifestFile)).mode & 0o777]).toEqual([
      0o600, 0o600,
    ]);
    await backUp();
    expect(statSync(blob).ino).toBe(ino);
    const [committed, again] = [await contentOf(newest), await contentOf(backups)];
    for (const [table, rows] of committed.rows) expect([table, again.rows.get(table)]).toEqual([table, rows]);
    expect(again.files).toEqual(committed.files);
    const orphan = join(backups, "blobs", sha256.slice(0, 2), "0".repeat(64));
    writeFileSync(orphan, "of no backup");
    await backUp(1);
    expect([
      readdirSync(join(backups, "snapshots")).length,
      readdirSync(join(backups, "blobs", sha256.slice(0, 2))),
    ]).toEqual([1, [sha256]]);
  });

  test("names originals that are lost, and backs up all the rest", async () => {
    const other = await emptySystem();
    await restore(newest, other);
    const [{ sha256 } = { sha256: "" }] = await query(other.url, "select sha256 from library.images");
    writeFileSync(join(other.blobFolder, sha256.slice(0, 2), sha256.slice(2, 4), sha256), "rotten");
    const none = await openTarTarget(join(folder, "none.tar"));
    await expect(
      createBackup({ ...common, ...other, target: none }).finally(() => none.discard()),
    ).rejects.toThrow("not one original of the 1 images can be read");
    const second = createHash("sha256").update("second").digest("hex");
    await query(
      other.url,
      `insert into library.images (sha256, media_type, width, height, size_bytes) values ('${second}', 'image/png', 1, 1, 6)`,
    );
    put(other.blobFolder, second, "second");
    const target = await openTarTarget(join(folder, "lost.tar"));
    const { manifest } = await createBackup({ ...common, ...other, target }).finally(() => target.discard());
    expect(manifest.blobs).toMatchObject({ files: 1, lost: [sha256], lostCount: 1 });
    await expect(openTarTarget(join(folder, "lost.tar"))).rejects.toThrow("is there already");
  });

  test("shows a file of the folder that rotted or became a link, and copies it again once it is removed", async () => {
    await backUp();
    const [{ sha256 } = { sha256: "" }] = await query(system.url, "select sha256 from library.images");
    const blob = join(backups, "blobs", sha256.slice(0, 2), sha256);
    const bytes = readFileSync(blob);
    const verify = async () => verifySource(await openSource(backups), { readBlobs: true });
    writeFileSync(blob, Buffer.alloc(bytes.length));
    await expect(verify()).rejects.toThrow(`${sha256} is not what it was`);
    rmSync(blob);
    const elsewhere = join(folder, "elsewhere");
    writeFileSync(elsewhere, bytes);
    symlinkSync(elsewhere, blob);
    await expect(verify()).rejects.toThrow("no plain file");
    rmSync(blob);
    await backUp();
    await verify();
  });

  test("is restored without a preview that rotted, and without a photo only when that is allowed", async () => {
    const other = await emptySystem();
    await restore(newest, other);
    const [{ sha256 } = { sha256: "" }] = await query(other.url, "select sha256 from library.images");
    put(other.blobFolder, `${sha256}.preview.jpg`, "preview");
    put(other.blobFolder, `${sha256}.thumbnail.jpg`, "thumbnail");
    const place = join(folder, "with-renditions");
    const target = await openDirectoryTarget({ path: place, now: new Date(), keep: undefined, warn });
    await createBackup({ ...common, ...other, target }).finally(() => target.discard());
    const blob = join(place, "blobs", sha256.slice(0, 2), sha256);
    writeFileSync(`${blob}.preview`, "PREVIEW");
    rmSync(`${blob}.thumbnail`);
    const fresh = await emptySystem();
    const left = await restore(place, fresh);
    expect([left.originals, left.renditions]).toEqual([0, 2]);
    expect(left.describe()).toMatch(
      /0 originals, 2 previews and thumbnails \(blobs\/.*\.preview, .*\.thumbnail\)/,
    );
    expect(readdirSync(join(fresh.blobFolder, sha256.slice(0, 2), sha256.slice(2, 4)))).toEqual([sha256]);
    rmSync(blob);
    const last = await emptySystem();
    await expect(restore(place, last)).rejects.toThrow("--allow-damaged restores all the rest");
    const { originals } = await restore(place, last, false, true);
    expect(originals).toBe(1);
    expect(await query(last.url, "select title from library.photos")).toEqual([{ title: "Portrait" }]);
  });

  test("is backed up anew past a damaged backup, which also keeps the older ones from being removed", async () => {
    const { path } = await backUp();
    const manifest = join(path, manifestFile);
    const bytes = readFileSync(manifest);
    writeFileSync(manifest, "rotten");
    const before = readdirSync(join(backups, "snapshots")).length;
    warnings.length = 0;
    await backUp(2);
    expect(warnings.join("\n")).toMatch(
      /is damaged \(.*manifest is no JSON\); remove it[\s\S]*no older backup was removed/,
    );
    expect(readdirSync(join(backups, "snapshots"))).toHaveLength(before + 1);
    writeFileSync(manifest, bytes);
    const last = await backUp(1, new Date("2020-01-01"));
    expect(readdirSync(join(backups, "snapshots"))).toEqual([
      last.path.slice(last.path.lastIndexOf("/") + 1),
    ]);
  });

  test("leaves nothing behind when a backup is stopped", async () => {
    const path = join(folder, "stopped.tar");
    const target = await openTarTarget(path);
    const stopping = createBackup({
      ...common,
      ...system,
      target,
      signal: AbortSignal.abort(new Error("stop")),
    });
    await expect(stopping.finally(() => target.discard())).rejects.toThrow("stop");
    expect([readdirSync(folder).filter((name) => name.includes("stopped"))]).toEqual([[]]);
  });
});

/** Puts a file where the store of photos keeps it. */
function put(blobFolder: string, name: string, text: string): void {
  const place = join(blobFolder, name.slice(0, 2), name.slice(2, 4));
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, name), text);
}

interface Entry {
  name: string;
  bytes: Buffer;
}

async function entriesOf(path: string): Promise<Entry[]> {
  const file = await open(path);
  const found: Entry[] = [];
  for await (const entry of readEntries(file)) {
    const chunks: Buffer[] = [];
    for await (const chunk of readContent(file, entry)) chunks.push(chunk);
    found.push({ name: entry.name, bytes: Buffer.concat(chunks) });
  }
  await file.close();
  return found;
}

async function writeEntries(name: string, entries: readonly Entry[]): Promise<string> {
  const path = join(folder, name);
  rmSync(path, { force: true });
  const tar = await TarWriter.create(path);
  async function* once(bytes: Buffer) {
    yield bytes;
  }
  for (const { name: entry, bytes } of entries) await tar.add(entry, bytes.length, once(bytes));
  await tar.finish();
  return path;
}

describe("of what comes from outside", () => {
  let untouched: Awaited<ReturnType<typeof emptySystem>>;
  let entries: Entry[];
  beforeAll(async () => {
    untouched = await emptySystem();
    entries = await entriesOf(newest);
  });

  /** Refused in one line, with no schema and no file left behind. */
  async function refusal(path: string): Promise<string> {
    const message = await restore(path, untouched).then(
      () => "restored",
      (error: unknown) => (error instanceof Error ? error.message : ""),
    );
    const schemas = await query(
      untouched.url,
      "select nspname from pg_namespace where nspname in ('auth', 'library', 'search')",
    );
    expect(schemas).toEqual([]);
    expect(message).not.toContain("\n");
    return message;
  }

  const changed = async (change: (manifest: Manifest) => void) => {
    const manifest = decodeManifest(entries.at(-1)?.bytes ?? Buffer.alloc(0));
    change(manifest);
    const last = { name: manifestFile, bytes: encodeManifest(manifest) };
    return writeEntries("changed.tar", [...entries.slice(0, -1), last]);
  };

  test("what is cut off at any entry is refused", async () => {
    const bytes = readFileSync(newest);
    let end = 0;
    for (const entry of entries) {
      end += 512 + Math.ceil(entry.bytes.length / 512) * 512;
      for (const length of [end - 512, end]) {
        writeFileSync(join(folder, "cut.tar"), bytes.subarray(0, length));
        await expect(openSource(join(folder, "cut.tar")), entry.name).rejects.toThrow(/cut off/);
      }
    }
    expect(await refusal(join(folder, "cut.tar"))).toMatch(/cut off/);
  });

  test("a changed byte in any entry is refused", async () => {
    const path = join(folder, "flipped.tar");
    const whole = readFileSync(newest);
    for (let at = 0, index = 0; index < entries.length; index += 1) {
      const entry = entries[index] ?? { name: "", bytes: Buffer.alloc(0) };
      const place = at + 512 + (entry.bytes.length >> 1);
      at += 512 + Math.ceil(entry.bytes.length / 512) * 512;
      whole[place] = (whole[place] ?? 0) ^ 1;
      writeFileSync(path, whole);
      whole[place] = (whole[place] ?? 0) ^ 1;
      const verifying = openSource(path).then(async (source) => {
        await verifySource(source, { readBlobs: true }).finally(() => source.close());
      });
      await expect(verifying, entry.name).rejects.toThrow(/^the backup cannot be used: /);
    }
    expect(await refusal(join(folder, "flipped.tar"))).toMatch(/manifest/);
  });

  test("a missing entry, one too many, one twice, and names that lead elsewhere are refused", async () => {
    for (const index of [0, 3, entries.length - 2, entries.length - 1])
      expect(await refusal(await writeEntries("missing.tar", entries.toSpliced(index, 1)))).toMatch(
        /missing|manifest|cut off|another/,
      );
    for (const name of [
      "../../etc/cron.d/x",
      "/etc/passwd",
      "blobs/../x",
      "stores/auth/../../x.jsonl.gz",
      entries[3]?.name ?? "",
    ]) {
      const path = await writeEntries("extra.tar", [{ name, bytes: Buffer.from("x") }, ...entries]);
      expect(await refusal(path), name).toMatch(/^the backup cannot be used: /);
    }
  });

  const text = (manifest: Manifest, from: string, to: string) => {
    Object.assign(manifest, JSON.parse(JSON.stringify(manifest).replaceAll(from, to)));
  };
  test.each<[string, (manifest: Manifest) => void, RegExp]>([
    ["an unknown column", (m) => text(m, '"favorite"', '"favourite"'), /\.documents has no column favourite/],
    [
      "a column of another type",
      (m) => text(m, '"type":"boolean"', '"type":"bool); drop table x; --"'),
      /is of the type boolean/,
    ],
    ["an unknown table", (m) => text(m, '"api_keys":{', '"other_keys":{'), /auth has no table other_keys/],
    [
      "a newer schema",
      (m) => void m.stores.face.migrations.push("999_future"),
      /face is newer than this version \(999_future\)/,
    ],
    [
      "one part for two tables",
      (m) => Object.assign(m.stores.scene.tables, { nothing: m.stores.scene.tables.deleted_owners }),
      /more than its manifest says/,
    ],
    [
      "a table that is never restored",
      (m) => text(m, '"api_keys":{', '"sessions":{'),
      /auth has no table sessions/,
    ],
    [
      "an unknown sequence",
      (m) => Object.assign(m.stores.auth.sequences, { x: { value: "1", called: true } }),
      /auth has no sequence x/,
    ],
    [
      "fewer rows than there are",
      (m) => void Object.assign(m.stores.auth.tables.users?.part ?? {}, { rows: 0 }),
      /more rows/,
    ],
    ["fewer files than there are", (m) => void Object.assign(m.blobs, { files: 0 }), /other files/],
    [
      "a part of somewhere else",
      (m) => text(m, "stores/auth/users.jsonl.gz", "../users.jsonl.gz"),
      /malformed/,
    ],
  ])("%s is refused", async (_name, change, message) => {
    expect(await refusal(await changed(change))).toMatch(message);
  });

  test("a newer format is named as such, and what is no backup at all", async () => {
    const { bytes = Buffer.alloc(0) } = entries.at(-1) ?? {};
    const content = JSON.stringify({ ...JSON.parse(bytes.toString()).content, formatVersion: 2 });
    const manifest = {
      digest: createHash("sha256").update(content).digest("hex"),
      content: JSON.parse(content),
    };
    const last = { name: manifestFile, bytes: Buffer.from(JSON.stringify(manifest)) };
    expect(await refusal(await writeEntries("newer.tar", [...entries.slice(0, -1), last]))).toMatch(
      /format 2, this version reads up to 1/,
    );
    copyFileSync(import.meta.filename, join(folder, "none.tar"));
    expect(await refusal(join(folder, "none.tar"))).toMatch(/no archive of Ocelli/);
    expect(await refusal(folder)).toMatch(/no complete backup/);
    expect(await refusal(join(folder, "nowhere"))).toMatch(/there is no backup/);
  });
});
