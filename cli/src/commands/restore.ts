import type { Command } from "commander";
import { interruptible } from "../interruptible.ts";
import { Releases } from "../releases.ts";
import { describe } from "./backup.ts";

/** Adds `ocelli restore`: a backup into an empty system. */
export function addRestoreCommand(program: Command): void {
  program
    .command("restore")
    .description("fill an empty, stopped system from a backup; the settings say which, as for `ocelli up`")
    .argument("<source>", "a .tar file, a folder of backups (the newest), or one backup in it")
    .option("--drill", "switch webhooks off: the copy shall tell nobody anything")
    .option("--allow-damaged", "restore all the rest when photos in the backup are missing or damaged")
    .action((source: string, options: RestoreCommandOptions) =>
      interruptible((signal) => restore(source, options, signal)),
    );
}

interface RestoreCommandOptions {
  drill?: boolean;
  allowDamaged?: boolean;
}

async function restore(
  path: string,
  { drill = false, allowDamaged = false }: RestoreCommandOptions,
  signal: AbortSignal,
): Promise<void> {
  const [{ openSource }, { restoreBackup }, { locateStores }, { openBlobs }] = await Promise.all([
    import("../backup/backup-source.ts"),
    import("../backup/restore-backup.ts"),
    import("../backup/locate-stores.ts"),
    import("../backup/open-blobs.ts"),
  ]);
  const releases = new Releases();
  try {
    const source = await openSource(path);
    releases.add(() => source.close());
    const openTarget = async () => ({
      stores: await locateStores({ env: process.env, releases, forRestore: true }),
      blobs: await openBlobs(process.env, releases),
    });
    const left = await restoreBackup({ source, openTarget, drill, allowDamaged, signal });
    console.log(`restored ${describe(source.manifest)}`);
    const found = left.describe();
    if (found !== undefined) console.error(`ocelli: ${found}`);
    // Previews and thumbnails come again by themselves; photos do not, and whoever watches exit codes must hear of it.
    if (left.originals > 0) process.exitCode = 1;
    if (!source.manifest.blobs.renditions)
      console.log("previews and thumbnails are made anew by `ocelli library verify --repair`");
  } finally {
    await releases.run();
  }
}
