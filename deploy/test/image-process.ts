import { type ChildProcess, spawn } from "node:child_process";
import { dirname } from "node:path";
import { type ImageFolder, identityOf } from "./image-folder.ts";

/** A container's process without a container: the user, the folder and the commands of its image. */
export interface ImageProcess {
  output(): string;
  /** Runs the image's HEALTHCHECK. */
  checkHealth(): Promise<{ code: number | null; output: string }>;
  /** Sends SIGTERM and resolves with the exit code. */
  stop(): Promise<number | null>;
}

/**
 * Starts ENTRYPOINT with CMD, or with other arguments, and waits for the line that says it is ready.
 * @throws Error with everything it printed when it ends instead.
 */
export async function startImage(
  image: ImageFolder,
  env: NodeJS.ProcessEnv,
  args = image.command,
): Promise<ImageProcess> {
  const main = launch(image, env, [...image.entrypoint, ...args]);
  const ready = Promise.withResolvers<void>();
  main.onOutput(() => {
    if (/ready at \S+/.test(main.output())) ready.resolve();
  });
  main.exited.then((code) =>
    ready.reject(new Error(`${args.join(" ")} ended with ${code}:\n${main.output()}`)),
  );
  await ready.promise;
  return {
    output: main.output,
    async checkHealth() {
      const check = launch(image, env, image.healthcheck);
      return { code: await check.exited, output: check.output() };
    },
    async stop() {
      main.child.kill("SIGTERM");
      return await main.exited;
    },
  };
}

/** Runs ENTRYPOINT with arguments to its end. */
export async function runImage(image: ImageFolder, env: NodeJS.ProcessEnv, args: string[]) {
  const { exited, output } = launch(image, env, [...image.entrypoint, ...args]);
  return { code: await exited, output: output() };
}

function launch(image: ImageFolder, env: NodeJS.ProcessEnv, [file = "", ...args]: string[]) {
  const child: ChildProcess = spawn(file, args, {
    cwd: image.workdir,
    // Nothing of this machine but the way to Node.
    env: { PATH: dirname(process.execPath), ...image.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    ...identityOf(image),
  });
  let output = "";
  const listeners: (() => void)[] = [];
  const read = (chunk: Buffer) => {
    output += chunk.toString();
    for (const listener of listeners) listener();
  };
  child.stdout?.on("data", read);
  child.stderr?.on("data", read);
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  const exited = new Promise<number | null>((resolve) => {
    child.once("error", (error) => {
      output += error.message;
      resolve(null);
    });
    child.once("close", (code) => resolve(code));
  }).finally(() => process.off("exit", end));
  return {
    child,
    exited,
    output: () => output,
    onOutput: (listener: () => void) => void listeners.push(listener),
  };
}
