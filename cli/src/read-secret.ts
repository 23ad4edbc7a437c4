import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { StartupError } from "./startup-error.ts";

// Longer than any password may be (128 characters of 4 bytes), and no more than a mistake should cost.
const maxInputBytes = 4096;

/**
 * A new password, never from an argument, which others could see in the list of processes: the first line of stdin when
 * asked for, else typed twice at the terminal, unseen.
 * @throws StartupError when there is no terminal, nothing was given, or both differ.
 */
export async function readNewPassword({ fromStdin }: { fromStdin: boolean }): Promise<string> {
  if (fromStdin) return readFromStdin();
  if (!process.stdin.isTTY)
    throw new StartupError("there is no terminal to ask for the password; give it with --password-stdin");
  const password = await ask("Password: ", { hidden: true });
  if (password === "") throw new StartupError("no password was given");
  if ((await ask("Once more: ", { hidden: true })) !== password)
    throw new StartupError("the two passwords differ");
  return password;
}

/** Asks at the terminal before something that cannot be undone. @throws StartupError unless the answer is yes. */
export async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY) throw new StartupError("there is no terminal to ask; confirm with --yes");
  const answer = await ask(`${question} (yes/no) `, { hidden: false });
  if (answer.trim().toLowerCase() !== "yes") throw new StartupError("nothing was done");
}

async function ask(prompt: string, { hidden }: { hidden: boolean }): Promise<string> {
  process.stderr.write(prompt);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const output = hidden ? silent : process.stderr;
  const terminal = createInterface({ input: process.stdin, output, terminal: true });
  // Ctrl-C ends the command as it does anywhere else; Ctrl-D answers nothing.
  terminal.on("SIGINT", () => process.exit(130));
  try {
    return await new Promise<string>((resolve) => {
      terminal.once("line", resolve);
      terminal.once("close", () => resolve(""));
    });
  } finally {
    terminal.close();
    if (hidden) process.stderr.write("\n");
  }
}

async function readFromStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    const part = Buffer.from(chunk);
    bytes += part.byteLength;
    if (bytes > maxInputBytes) throw new StartupError("what came on stdin is too long for a password");
    chunks.push(part);
  }
  const password = Buffer.concat(chunks).toString("utf8").split(/\r?\n/, 1)[0] ?? "";
  if (password === "") throw new StartupError("no password came on stdin");
  return password;
}
