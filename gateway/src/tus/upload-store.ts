import { toChunks } from "@ocelli/chassis";
import type { libraryV1 } from "@ocelli/contracts";
import { DataStore, Upload } from "@tus/server";
import type { Clients } from "../clients.ts";
import type { UploadCallOptions } from "../uploads.ts";
import { required } from "../views/required.ts";
import { readMetadata } from "./metadata.ts";

/** What {@link UploadStore} stands on: one request of one user. */
export interface UploadStoreOptions {
  uploads: Clients["uploads"];
  /** Options of the calls made for this request. */
  call: Omit<UploadCallOptions, "signal">;
}

// The protocol library adds this to the time of creation; both are made up so that the sum is what the library says.
const lifetimeMs = 86_400_000;

/** The library's uploads as the protocol library sees them. Nothing is kept here, so every gateway knows every upload. */
export class UploadStore extends DataStore {
  readonly #options: UploadStoreOptions;
  /** The photo that the upload became, once it did. */
  photoId = "";

  constructor(options: UploadStoreOptions) {
    super();
    this.#options = options;
    this.extensions = ["creation", "creation-with-upload", "expiration", "termination"];
  }

  override getExpiration(): number {
    return lifetimeMs;
  }

  override async create(upload: Upload): Promise<Upload> {
    const { uploads, call } = this.#options;
    const draft = { sizeBytes: upload.size ?? 0, ...readMetadata(upload.metadata) };
    const answer = await uploads.createUpload(draft, call);
    const created = required(answer.upload, "upload");
    // Named by the library; the address of the upload is made of it.
    upload.id = created.id;
    upload.creation_date = creationOf(created);
    return upload;
  }

  override async getUpload(id: string): Promise<Upload> {
    const { uploads, call } = this.#options;
    const upload = required((await uploads.getUpload({ uploadId: id }, call)).upload, "upload");
    const { offset, sizeBytes, filename, albumId } = upload;
    // A client that finds everything sent takes it for stored.
    if (offset === sizeBytes) await this.finish(id);
    return new Upload({
      id,
      size: sizeBytes,
      offset,
      metadata: { filename, ...(albumId ? { albumId } : {}) },
      creation_date: creationOf(upload),
    });
  }

  override async write(stream: AsyncIterable<Uint8Array>, id: string, offset: number): Promise<number> {
    const { uploads, call } = this.#options;
    const answer = await uploads.appendUpload(messages(stream, id, offset), call);
    return answer.offset;
  }

  override async remove(id: string): Promise<void> {
    const { uploads, call } = this.#options;
    await uploads.deleteUpload({ uploadId: id }, call);
  }

  /** Has a complete upload taken in. */
  async finish(id: string): Promise<string> {
    const { uploads, call } = this.#options;
    const { photo } = await uploads.finishUpload({ uploadId: id }, call);
    this.photoId = required(photo, "photo").id;
    return this.photoId;
  }
}

/** A client that leaves ends the stream: the library keeps what it has. */
async function* messages(
  stream: AsyncIterable<Uint8Array>,
  uploadId: string,
  offset: number,
): AsyncGenerator<libraryV1.AppendUploadRequest> {
  yield { part: { $case: "info", value: { uploadId, offset } } };
  const chunks = stream[Symbol.asyncIterator]();
  for (;;) {
    const next = await chunks.next().catch(() => undefined);
    if (!next || next.done) return;
    for (const value of toChunks(next.value)) yield { part: { $case: "chunk", value } };
  }
}

function creationOf({ expiresAt }: libraryV1.Upload): string {
  return new Date(required(expiresAt, "expires_at").getTime() - lifetimeMs).toISOString();
}
