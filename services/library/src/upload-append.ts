import { failedPrecondition, invalidArgument, maxChunkBytes } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import type { LibraryTables } from "./store/tables.ts";
import { saveOffset } from "./store/uploads.ts";
import { type UploadLease, uploadBusy } from "./upload-lease.ts";
import type { OpenPart, UploadParts } from "./upload-parts.ts";

/** What {@link appendToPart} stands on. */
export interface AppendOptions {
  db: Kysely<LibraryTables>;
  parts: UploadParts;
  /** How long an upload is kept from the last bytes on. */
  lifetimeMs: number;
}

// What a crash of the whole machine can cost; each costs a flush of the disk and a statement.
const saveEveryBytes = 16 * 1024 * 1024;

/**
 * Writes bytes at the end of an upload and says how far it has come. What arrived is kept, whatever ends the stream.
 * The file is ahead of the row: what a crash leaves behind the row's offset is dropped, and an upload whose file lost
 * bytes (or lies on another machine) goes back to what is there, so that its bytes are always those that were sent.
 */
export async function appendToPart(
  { db, parts, lifetimeMs }: AppendOptions,
  lease: UploadLease,
  offset: number,
  chunks: AsyncIterable<Uint8Array>,
): Promise<number> {
  const { id, size_bytes: sizeBytes } = lease.upload;
  const part = await parts.open(id);
  try {
    const start = Math.min(lease.upload.offset_bytes, part.sizeBytes);
    const save = async (position: number) => {
      lease.assertHeld();
      await part.sync();
      if (!(await saveOffset(db, id, lease.id, { offset: position, lifetimeMs }))) throw uploadBusy();
    };
    if (start !== lease.upload.offset_bytes) await save(start);
    if (start !== offset) throw offsetMismatch(start);
    if (part.sizeBytes > start) await part.truncate(start);
    return await writeAll({ part, lease, sizeBytes, start, save }, chunks);
  } finally {
    await part.close();
  }
}

interface Writing {
  part: OpenPart;
  lease: UploadLease;
  sizeBytes: number;
  start: number;
  save(position: number): Promise<void>;
}

async function writeAll(writing: Writing, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const { part, lease, sizeBytes, start, save } = writing;
  let position = start;
  let saved = start;
  try {
    for await (const chunk of chunks) {
      assertFits(chunk, sizeBytes - position);
      lease.assertHeld();
      await part.write(chunk, position);
      position += chunk.byteLength;
      if (position - saved >= saveEveryBytes) {
        await save(position);
        saved = position;
      }
    }
  } catch (error) {
    // The reason of the break says more than what may follow from it.
    if (position > saved) await save(position).catch(() => undefined);
    throw error;
  }
  if (position > saved) await save(position);
  return position;
}

function assertFits(chunk: Uint8Array, left: number): void {
  if (chunk.byteLength > maxChunkBytes)
    throw invalidArgument("CHUNK_TOO_LARGE", `A chunk may have at most ${maxChunkBytes} bytes.`);
  if (chunk.byteLength > left)
    throw invalidArgument("UPLOAD_TOO_LONG", "There are more bytes than the upload was opened for.");
}

function offsetMismatch(offset: number) {
  return failedPrecondition("OFFSET_MISMATCH", `The upload has come to byte ${offset}; go on from there.`);
}
