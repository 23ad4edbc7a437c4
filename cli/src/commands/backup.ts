import type { Command } from "commander";
import type { BackupSource } from "../backup/backup-source.ts";
import type { BackupTarget } from "../backup/backup-target.ts";
import type { Manifest } from "../backup/format.ts";
import { interruptible } from "../interruptible.ts";
import { Releases } from "../releases.ts";
import { StartupError } from "../startup-error.ts";
import { version } from "../version.ts";

interface BackupCommandOptions {
  renditions: boolean;
  keep?: string;
}

/** Adds `ocelli backup`: everything that must survive, in a folder or a tar file. */
export function addBackupCommand(program: Command): void {
  const backup = program
    .command("backup")
    .description(
      "write all stores and photos to a folder, or to one file when it ends in .tar; Ocelli may run",
    )
    .argument("[target]", "a folder keeps many backups, and copies no photo twice")
    .option("--no-renditions", "leave out previews and thumbnails, which can be made anew")
    .option("--keep <n>", "leave only the newest n backups in the folder")
    .action(async (target: string | undefined, options: BackupCommandOptions) => {
      if (target === undefined) throw new StartupError("say where to: ocelli backup <folder or file.tar>");
      await interruptible((signal) => create(target, options, signal));
    });
  backup
    .command("verify")
    .description(
      "read a backup to its end and compare everything with its hashes; exit code 1 when anything is missing or damaged",
    )
    .argument("<source>", "a .tar file, a folder of backups (the newest), or one backup in it")
    .action((source: string) => verify(source));
}

async function create(
  path: string,
  { renditions, keep }: BackupCommandOptions,
  signal: AbortSignal,
): Promise<void> {
  const [{ createBackup }, { locateStores }, { openBlobs }] = await Promise.all([
    import("../backup/create-backup.ts"),
    import("../backup/locate-stores.ts"),
    import("../backup/open-blobs.ts"),
  ]);
  const releases = new Releases();
  try {
    const stores = await locateStores({ env: process.env, releases, forRestore: false });
    const blobs = await openBlobs(process.env, releases);
    const target = await openTarget(path, keep);
    releases.add(() => target.discard());
    const readBack = path.endsWith(".tar");
    const now = () => new Date();
    const report = await createBackup({
      stores,
      blobs,
      target,
      version,
      now,
      renditions,
      readBack,
      signal,
    });
    console.log(
      `${report.path}: ${describe(report.manifest)}; snapshot ${(report.snapshotMs / 1000).toFixed(1)} s`,
    );
    warnOfLost(report.manifest);
  } finally {
    await releases.run();
  }
}

async function openTarget(path: string, keep: string | undefined): Promise<BackupTarget> {
  if (keep !== undefined && !/^[1-9]\d{0,3}$/.test(keep))
    throw new StartupError("--keep must be a whole number from 1 to 9999");
  if (path.endsWith(".tar")) {
    if (keep !== undefined) throw new StartupError("--keep is for folders; a .tar file is one backup");
    return (await import("../backup/tar-target.ts")).openTarTarget(path);
  }
  const { openDirectoryTarget } = await import("../backup/directory-target.ts");
  const warn = (line: string) => console.error(`ocelli: ${line}`);
  return openDirectoryTarget({
    path,
    now: new Date(),
    keep: keep === undefined ? undefined : Number(keep),
    warn,
  });
}

/** The backup is good for all the rest; but whoever watches exit codes must hear of it. */
function warnOfLost({ blobs: { lost, lostCount } }: Manifest): void {
  if (lostCount === 0) return;
  console.error(
    `ocelli: ${lostCount} originals are missing or damaged in the store of photos, and are not in the backup (${lost.slice(0, 3).join(", ")}${lostCount > 3 ? " …" : ""}); \`ocelli library verify\` names them`,
  );
  process.exitCode = 1;
}

async function verify(path: string): Promise<void> {
  const [{ openSource }, { verifySource }, { DamagedFiles }] = await Promise.all([
    import("../backup/backup-source.ts"),
    import("../backup/verify-backup.ts"),
    import("../backup/damaged-files.ts"),
  ]);
  const source: BackupSource = await openSource(path);
  try {
    const damaged = new DamagedFiles();
    await verifySource(source, { readBlobs: true, onDamaged: damaged.note });
    const found = damaged.describe();
    if (found === undefined) console.log(`${describe(source.manifest)}; all is well`);
    else throw new StartupError(found);
  } finally {
    await source.close();
  }
}

/** One line on what a backup holds. */
export function describe({ createdAt, version: writer, stores, blobs }: Manifest): string {
  const tables = Object.values(stores).flatMap((store) => Object.values(store.tables));
  const rows = tables.reduce((sum, { part }) => sum + part.rows, 0);
  const images = stores.library.tables.images?.part.rows ?? 0;
  return `backup of ${createdAt} by Ocelli ${writer}: ${images} images in ${blobs.files} files (${(blobs.bytes / 1e6).toFixed(1)} MB), ${rows} rows`;
}
