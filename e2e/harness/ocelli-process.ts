import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const node = join(root, "node_modules/.bin/node");
const main = join(root, "cli/src/main.ts");

/** A real `ocelli` process. */
export interface OcelliProcess {
  readonly child: ChildProcess;
  /** Base URL of the gateway, or `host:port` of a service. */
  readonly address: string;
  /** Everything it printed so far. */
  output(): string;
  /** Sends a signal and resolves with the exit code, or null when the signal itself ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** How an `ocelli` command that is not expected to stay ended. */
export interface CommandResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Processes that a failing test may leave behind; they end with the tests. */
const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** A folder that is removed by {@link removeFolders}. */
const folders: string[] = [];

/** A fresh folder for one test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "ocelli-e2e-"));
  folders.push(folder);
  return folder;
}

/** A fresh data directory for one test: prepared, so that its stores need not be made, where the whole suite runs. */
export function dataDirectory(): string {
  const folder = temporaryFolder();
  const prepared = process.env.OCELLI_PREPARED_DATA;
  if (prepared) cpSync(prepared, folder, { recursive: true });
  return folder;
}

/** Removes every folder of {@link temporaryFolder} and {@link dataDirectory}. */
export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

function environment(overrides: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const inherited = {
    PATH: `${join(root, "node_modules/.bin")}:${process.env.PATH}`,
    HOME: process.env.HOME,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
  };
  return { ...inherited, LOG_LEVEL: "warn", LOG_FORMAT: "json", PORT: "0", ...overrides };
}

/** Starts `ocelli ARGS` and resolves once it says it is ready. */
export async function startOcelli(args: string[], env: NodeJS.ProcessEnv): Promise<OcelliProcess> {
  const child = spawn(node, [main, ...args], {
    env: environment(env),
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  child.once("exit", () => children.delete(child));
  let output = "";
  const address = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      // `ocelli up` goes on to say where its services are.
      const match = (args[0] === "up" ? /ready at (\S+)[\s\S]*\ngRPC: .*\n/ : /ready at (\S+)/).exec(output);
      if (match?.[1]) resolve(match[1].replace(/\.$/, ""));
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("exit", (code) =>
      reject(new Error(`ocelli ${args.join(" ")} ended with ${code}:\n${output}`)),
    );
  });
  return {
    child,
    address,
    output: () => output,
    end: (signal) => endProcess(child, signal),
  };
}

function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => {
    child.once("exit", (code) => resolve(code));
    child.kill(signal);
  });
}

/** Waits until a process has printed what a pattern matches. */
export async function outputOf(ocelli: OcelliProcess, pattern: RegExp, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!pattern.test(ocelli.output())) {
    if (Date.now() > deadline)
      throw new Error(`no ${pattern} within ${timeoutMs} ms in:\n${ocelli.output()}`);
    await delay(50);
  }
}

/** Runs `ocelli ARGS` to its end. */
export function runOcelli(args: string[], env: NodeJS.ProcessEnv): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(node, [main, ...args], {
      env: environment(env),
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const result: CommandResult = { code: null, stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => {
      result.stdout += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      result.stderr += chunk.toString();
    });
    child.once("exit", (code) => resolve({ ...result, code }));
  });
}
