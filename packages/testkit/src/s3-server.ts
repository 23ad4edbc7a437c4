import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What the server's process is started with. */
export interface S3ServerSettings {
  /** 0 for any free one. */
  port: number;
  directory: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/** A real S3-compatible server (`s3rver`) with one bucket, in a process of its own, on a loopback port. */
export interface S3Server {
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Ends the process at once; objects stay. */
  down(): Promise<void>;
  /** Starts it again on the same port with the same objects. */
  up(): Promise<void>;
  /** Ends it and removes everything. */
  stop(): Promise<void>;
}

/** Starts a server with an empty bucket. */
export async function startS3Server(): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), "ocelli-s3-"));
  const keys = {
    accessKeyId: "OCELLITESTKEY0000000",
    secretAccessKey: "ocelli/test/secret/of/forty/characters00",
  };
  const settings: S3ServerSettings = { port: 0, directory, bucket: "photos", ...keys };
  let child: ChildProcess | undefined;
  const onExit = () => child?.kill("SIGKILL");
  process.once("exit", onExit);

  async function up(): Promise<void> {
    child = fork(
      fileURLToPath(new URL("s3-server-process.ts", import.meta.url)),
      [JSON.stringify(settings)],
      {
        execArgv: [],
        stdio: ["ignore", "ignore", "inherit", "ipc"],
      },
    );
    settings.port = await portOf(child);
  }
  async function down(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  await up();
  return {
    endpoint: `http://127.0.0.1:${settings.port}`,
    bucket: settings.bucket,
    ...keys,
    up,
    down,
    async stop() {
      process.off("exit", onExit);
      await down();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function portOf(child: ChildProcess): Promise<number> {
  const ended = new AbortController();
  const onExit = () => ended.abort(new Error("the S3 server's process ended"));
  child.once("exit", onExit);
  try {
    const [answer] = await once(child, "message", { signal: ended.signal });
    return (answer as { port: number }).port; // what s3-server-process.ts sends
  } finally {
    child.off("exit", onExit);
  }
}
