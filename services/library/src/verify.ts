import { ConfigError, type Logger, migrate, openDatabase, type SettingsValues } from "@ocelli/chassis";
import { openBlobStore } from "./blobs/open-blob-store.ts";
import { settings } from "./config.ts";
import { createContents } from "./contents.ts";
import { createImaging } from "./imaging.ts";
import { createLooseBlobs } from "./loose-blobs.ts";
import { migrations } from "./store/migrations/index.ts";
import type { LibraryTables } from "./store/tables.ts";
import { countImages } from "./store/verify.ts";
import { createFindings, type Finding, type FindingKind, findingKinds } from "./verify-findings.ts";
import { verifyImages } from "./verify-images.ts";
import { verifyOrphans } from "./verify-orphans.ts";

export type { Finding, FindingKind } from "./verify-findings.ts";

const { serviceSecret: _callersOnly, ...others } = settings;

/** Settings of a verification: those of the service but for the secret with which it calls others. */
export const verifySettings = others;

/** What {@link verifyLibrary} needs. */
export interface VerifyOptions {
  /** Store of the library service, `postgresql://…`. */
  databaseUrl: string;
  config: SettingsValues<typeof verifySettings>;
  log: Logger;
  now: () => Date;
  /** Makes renditions again, and removes what belongs to nobody. */
  repair: boolean;
  /** Originals read at once. */
  concurrency: number;
  signal: AbortSignal;
  onProgress(checked: number, images: number): void;
}

/** What a verification found. */
export interface VerifyReport {
  images: number;
  /** Files in the blob store. */
  files: number;
  /** Bytes of originals that were read. */
  bytes: number;
  counts: Record<FindingKind, { found: number; repaired: number }>;
  /** At most 10,000. */
  findings: readonly Finding[];
  /** True when nothing is wrong that was not repaired. */
  isSound: boolean;
}

/**
 * Compares the store with the files, whether the service runs or not: every original is read and hashed.
 * @throws ConfigError when database or blob store cannot be used.
 */
export async function verifyLibrary(options: VerifyOptions): Promise<VerifyReport> {
  const { databaseUrl, config, log, now, repair } = options;
  const database = openDatabase<LibraryTables>({ url: databaseUrl, schema: "library", maxConnections: 4 });
  try {
    await database.ping().catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      throw new ConfigError([`the database cannot be used (${why})`]);
    });
    await migrate(database, migrations);
    const blobs = await openBlobStore(config);
    const imaging = createImaging({ blobs, limits: config, log, now });
    try {
      const contents = createContents({ database, blobs, imaging, log: { warn: () => undefined } });
      const loose = createLooseBlobs({ database, blobs });
      const findings = createFindings();
      const images = await countImages(database.db);
      const shared = { database, blobs, loose, findings, repair, signal: options.signal };
      let checked = 0;
      const onChecked = () => options.onProgress(++checked, images);
      const { concurrency } = options;
      const bytes = await verifyImages({ ...shared, contents, concurrency, onChecked });
      const files = await verifyOrphans({ ...shared, now });
      return toReport(findings, { images: checked, files, bytes });
    } finally {
      await imaging.close();
      await blobs.close();
    }
  } finally {
    await database.close();
  }
}

function toReport(
  findings: ReturnType<typeof createFindings>,
  totals: Pick<VerifyReport, "images" | "files" | "bytes">,
): VerifyReport {
  const counts = Object.fromEntries(findingKinds.map((kind) => [kind, findings.count(kind)]));
  return {
    ...totals,
    // An entry for every kind was made above.
    counts: counts as VerifyReport["counts"],
    findings: findings.list,
    isSound: findingKinds.every((kind) => counts[kind]?.found === counts[kind]?.repaired),
  };
}
