import { type FileHandle, open } from "node:fs/promises";

/** Bytes of a header; contents are filled up to a multiple of it. */
export const blockBytes = 512;

/** Above this the octal digits of the size field do not suffice (POSIX ustar: 11 digits). */
const maxOctal = 8 ** 11 - 1;

/** Writes a POSIX ustar archive of plain files; any tar reads it. */
export class TarWriter {
  readonly #file: FileHandle;
  #position = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Creates the file, which only its owner may read. @throws Error EEXIST when it is there. */
  static async create(path: string): Promise<TarWriter> {
    return new TarWriter(await open(path, "wx", 0o600));
  }

  /** Where the next entry begins. */
  get position(): number {
    return this.#position;
  }

  /** Adds a file. @throws Error when it has not the size that was said; go back then with {@link rewind}. */
  async add(name: string, size: number, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#write(encodeHeader(name, size));
    let written = 0;
    for await (const chunk of chunks) {
      written += chunk.byteLength;
      if (written > size) throw new Error(`${name} became longer while it was read`);
      await this.#write(chunk);
    }
    if (written !== size) throw new Error(`${name} became shorter while it was read`);
    const rest = written % blockBytes;
    if (rest > 0) await this.#write(new Uint8Array(blockBytes - rest));
  }

  /** Forgets everything from a position on. */
  async rewind(position: number): Promise<void> {
    await this.#file.truncate(position);
    this.#position = position;
  }

  /** Ends the archive; when it resolves it is on the disk. */
  async finish(): Promise<void> {
    await this.#write(new Uint8Array(2 * blockBytes));
    await this.#file.sync();
    await this.close();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    // One write may store less than it was given.
    for (let offset = 0; offset < bytes.byteLength; ) {
      const { bytesWritten } = await this.#file.write(
        bytes,
        offset,
        bytes.byteLength - offset,
        this.#position,
      );
      offset += bytesWritten;
      this.#position += bytesWritten;
    }
  }
}

function encodeHeader(name: string, size: number): Buffer {
  if (!/^[\x21-\x7e]{1,100}$/.test(name)) throw new RangeError("the name does not fit a tar header");
  const header = Buffer.alloc(blockBytes);
  header.write(name, 0);
  header.write("0000600\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  if (size <= maxOctal) header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  else {
    // The binary form of GNU tar: a set first bit, then the number, most significant byte first.
    header.writeUInt8(0x80, 124);
    header.writeBigUInt64BE(BigInt(size), 128);
  }
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\x0000", 257);
  header.write(`${checksumOf(header).toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** The sum of all bytes of a header, with those of the sum itself as blanks. */
export function checksumOf(header: Buffer): number {
  let sum = 8 * 0x20;
  for (const [at, byte] of header.entries()) if (at < 148 || at >= 156) sum += byte;
  return sum;
}
