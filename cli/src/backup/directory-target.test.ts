import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BlobKey } from "@ocelli/library";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { BackupTarget } from "./backup-target.ts";
import { blobFile } from "./blob-list.ts";
import { listSnapshots } from "./directory-source.ts";
import { openDirectoryTarget } from "./directory-target.ts";

let root: string;
let target: BackupTarget | undefined;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ocelli-target-"));
});
afterEach(async () => {
  await target?.discard();
  rmSync(root, { recursive: true, force: true });
});

const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");
const open = async (now = new Date()) => {
  target = await openDirectoryTarget({ path: root, now, keep: undefined, warn: () => undefined });
  return target;
};

async function add(key: BlobKey, text: string) {
  async function* chunks() {
    yield Buffer.from(text);
  }
  const isRight = ({ digest }: { digest: string }) => key.kind !== "original" || digest === key.sha256;
  return (await open()).addBlob(key, { size: text.length, chunks: chunks() }, isRight);
}

test("a rendition that an older backup names stays, and is what the new one names", async () => {
  const key = { sha256: hashOf("photo"), kind: "preview" } as const;
  expect(await add(key, "first")).toEqual({ size: 5, digest: hashOf("first") });
  await target?.discard();
  expect(await add(key, "made anew")).toEqual({ size: 5, digest: hashOf("first") });
  expect(readFileSync(join(root, blobFile(key)), "utf8")).toBe("first");
});

test("an original that rotted is replaced by a good one, and never by a bad one", async () => {
  const key = { sha256: hashOf("photo"), kind: "original" } as const;
  await add(key, "photo");
  await target?.discard();
  writeFileSync(join(root, blobFile(key)), "rotten");
  expect(await add(key, "photo")).toEqual({ size: 5, digest: key.sha256 });
  await target?.discard();
  expect(await add(key, "other")).toBeUndefined();
  expect(readFileSync(join(root, blobFile(key)), "utf8")).toBe("photo");
});

test("backups are in the order in which they were made, also when the clock goes back", async () => {
  const names: string[] = [];
  for (const time of ["2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z", "2026-02-01T10:00:00Z"]) {
    const { workFolder } = await open(new Date(time));
    const name = workFolder.slice(workFolder.lastIndexOf("/") + 2);
    mkdirSync(join(root, "snapshots", name));
    names.push(name);
    await target?.discard();
  }
  expect(names).toEqual(["2026-03-01T10-00-00Z", "2026-03-01T10-00-00-002Z", "2026-03-01T10-00-00-003Z"]);
  mkdirSync(join(root, "snapshots", "2026-03-01T10-00-00-10Z"));
  expect(await listSnapshots(root)).toEqual([...names, "2026-03-01T10-00-00-10Z"]);
});
