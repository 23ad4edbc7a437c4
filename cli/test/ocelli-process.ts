import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";

const main = join(import.meta.dirname, "../src/main.ts");

/** What a command left behind. */
export interface CommandResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Settings of this machine that would lead a command to another installation. */
const foreign = /^(OCELLI_|DATABASE_URL|NATS_URL|AUTH_|PORT$|LOG_)/;

/** The environment of an installation of its own, hashing at the least cost. */
export function environmentOf(dataDir: string): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  return {
    ...Object.fromEntries(inherited),
    OCELLI_DATA: dataDir,
    OCELLI_EVENTS: "in-process",
    OCELLI_WORKERS: "1",
    AUTH_PASSWORD_MEMORY: "19mib",
    AUTH_PASSWORD_PASSES: "2",
    LOG_LEVEL: "warn",
    PORT: "0",
  };
}

/** Runs `ocelli` with arguments to its end. */
export async function ocelli(
  env: NodeJS.ProcessEnv,
  args: readonly string[],
  input = "",
): Promise<CommandResult> {
  const child = spawn(process.execPath, [main, ...args], { env });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (data) => (output.stdout += data));
  child.stderr.on("data", (data) => (output.stderr += data));
  // A command that needs no input may be gone before it is written.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const code = await exitOf(child);
  return { code, ...output };
}

/** Starts `ocelli up`, ready when it says so. */
export async function ocelliUp(env: NodeJS.ProcessEnv): Promise<{ url: string; stop(): Promise<void> }> {
  const child = spawn(process.execPath, [main, "up"], { env, stdio: ["ignore", "pipe", "pipe"] });
  const exit = exitOf(child);
  let said = "";
  const url = await new Promise<string>((resolve, reject) => {
    const listen = (data: Buffer) => {
      said += data;
      const ready = /ready at (http:\S+)/.exec(said)?.[1];
      if (ready) resolve(ready);
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    void exit.then(() => reject(new Error(`ocelli up ended: ${said}`)));
  });
  return {
    url,
    async stop() {
      child.kill("SIGINT");
      await exit;
    },
  };
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once("close", resolve));
}
