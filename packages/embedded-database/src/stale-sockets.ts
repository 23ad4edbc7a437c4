import { readdir, rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";

/** Begins the name of every folder that holds the socket of an embedded database. */
export const socketFolderPrefix = "ocelli-pg-";

/** Name of the socket in there, as the `pg` driver looks for it. */
export const socketName = ".s.PGSQL.5432";

/** A folder without a socket may be of a database that is about to start. */
const startingMs = 600_000;
/** Bounds what one start spends on those of others. */
const foldersAtOnce = 200;

/** Removes the folders of databases whose process was killed: this user's, and only where nobody listens any more. */
export async function removeStaleSockets(parent: string): Promise<void> {
  const names = (await readdir(parent)).filter((name) => name.startsWith(socketFolderPrefix));
  for (const name of names.slice(0, foldersAtOnce)) {
    const folder = join(parent, name);
    if (await isStale(folder).catch(() => false)) await rm(folder, { recursive: true, force: true });
  }
}

async function isStale(folder: string): Promise<boolean> {
  const { uid, mtimeMs } = await stat(folder);
  if (uid !== process.getuid?.()) return false;
  const answer = await answerOf(join(folder, socketName));
  // Refused: the file outlived its process. Where the process hangs or waits, the kernel accepts on its behalf.
  if (answer === "ECONNREFUSED") return true;
  return answer === "ENOENT" && Date.now() - mtimeMs > startingMs;
}

/** `open`, or why there is no connection. */
function answerOf(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve("open");
    });
    socket.once("error", (error) => resolve("code" in error ? String(error.code) : "unknown"));
  });
}
