// PostgreSQL 18 documentation, chapter 54 "Frontend/Backend Protocol": message formats and request codes.
const sslRequestCode = 80877103;
const gssRequestCode = 80877104;
const cancelRequestCode = 80877102;

/** A message from a client. */
export type ClientMessage =
  /** The first message of a session. */
  | { kind: "startup"; bytes: Uint8Array }
  /** Asks for an encrypted connection; answered with a single `N`. */
  | { kind: "encryption-request" }
  | { kind: "cancel-request" }
  | { kind: "query"; type: string; bytes: Uint8Array };

/** Larger messages are no legitimate query of ours. */
const maxMessageBytes = 64 * 1024 * 1024;

/** Splits what a client sends into protocol messages, whatever the pieces it arrives in. */
export class MessageSplitter {
  #buffer: Buffer = Buffer.alloc(0);
  #started = false;

  /** @throws RangeError when the bytes are no PostgreSQL message. */
  push(chunk: Buffer): ClientMessage[] {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    const messages: ClientMessage[] = [];
    for (let message = this.#next(); message; message = this.#next()) messages.push(message);
    return messages;
  }

  #next(): ClientMessage | undefined {
    const header = this.#started ? 1 : 0;
    if (this.#buffer.length < header + 4) return undefined;
    const length = header + this.#buffer.readInt32BE(header);
    if (length < header + 4 || length > maxMessageBytes) throw new RangeError("not a PostgreSQL message");
    if (this.#buffer.length < length) return undefined;
    const bytes = Uint8Array.from(this.#buffer.subarray(0, length));
    this.#buffer = this.#buffer.subarray(length);
    return this.#started
      ? { kind: "query", type: String.fromCharCode(bytes[0] ?? 0), bytes }
      : this.#first(bytes);
  }

  #first(bytes: Uint8Array): ClientMessage {
    const code = bytes.length >= 8 ? new DataView(bytes.buffer).getInt32(4) : 0;
    if (code === sslRequestCode || code === gssRequestCode) return { kind: "encryption-request" };
    if (code === cancelRequestCode) return { kind: "cancel-request" };
    this.#started = true;
    return { kind: "startup", bytes };
  }
}

/** A Sync message: ends a failed or unfinished extended query. */
export const syncMessage = Uint8Array.of(0x53, 0, 0, 0, 4);
