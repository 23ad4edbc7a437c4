import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/** Far above any list of secrets; a path that leads to a disk image by mistake must not fill the memory. */
const maxBytes = 64 * 1024;

/**
 * The text of a file that holds one setting, such as a mounted secret, without white space at its ends.
 * @throws Error with one line that names the file and what is wrong with it, never what is in it.
 */
export function readSettingFile(path: string): string {
  const bytes = readBounded(path);
  if (bytes.length > maxBytes) throw new Error(`${path} has more than ${maxBytes} bytes`);
  const text = decode(bytes, path).trim();
  if (text === "") throw new Error(`${path} is empty`);
  return text;
}

/** At most one byte more than allowed. */
function readBounded(path: string): Buffer {
  let file: number | undefined;
  try {
    // Without O_NONBLOCK a named pipe that nobody writes to would hold up the start for ever.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!fstatSync(file).isFile()) throw new Error("it is no regular file");
    const buffer = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read)
      read = readSync(file, buffer, length, buffer.length - length, null);
    return buffer.subarray(0, length);
  } catch (error) {
    throw new Error(`${path} cannot be read (${reasonOf(error)})`);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function decode(bytes: Buffer, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`${path} is not UTF-8 text`);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && "code" in error) return String(error.code);
  return error instanceof Error ? error.message : String(error);
}
