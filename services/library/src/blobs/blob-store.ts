import type { BlobKind } from "../photo.ts";

/** Names bytes by the SHA-256 of the original they belong to. */
export interface BlobKey {
  sha256: string;
  kind: BlobKind;
}

/** A body on its way in: a local file that becomes a blob or vanishes. */
export interface PendingBlob {
  /** Local path, for readers that want a file. */
  readonly path: string;
  write(chunk: Uint8Array): Promise<void>;
  /** Makes what was written durable, which spares {@link commit} the wait. */
  sync(): Promise<void>;
  /** Makes it durable under a key. */
  commit(key: BlobKey): Promise<void>;
  /** Removes it; harmless after {@link commit} and when repeated. */
  discard(): Promise<void>;
}

/** Part of a blob; what lies beyond its end is left out. */
export interface ByteRange {
  offset: number;
  /** To the end when absent. */
  length?: number | undefined;
}

/** An open blob. */
export interface OpenBlob {
  /** Of the whole blob, whatever part was asked for. */
  readonly sizeBytes: number;
  /** The bytes asked for in chunks of at most 64 KiB; call once. */
  chunks(): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** A blob as the store lists it. */
export interface StoredBlob {
  key: BlobKey;
  sizeBytes: number;
  modifiedAt: Date;
}

/** Keeps originals and renditions. Blobs never change once written; the same key always holds the same picture. */
export interface BlobStore {
  /** Local folder of what is on its way in. */
  readonly temporaryFolder: string;
  /** Makes the store usable. @throws ConfigError when it cannot be. */
  prepare(): Promise<void>;
  /** Rejects when the store cannot be used at the moment. */
  check(): Promise<void>;
  /** Removes what uploads of earlier processes left behind in a crash. */
  removeLeftovers(): Promise<void>;
  createPending(): Promise<PendingBlob>;
  has(key: BlobKey): Promise<boolean>;
  /** Undefined when there is no such blob. */
  open(key: BlobKey, range?: ByteRange): Promise<OpenBlob | undefined>;
  /** Removes original and renditions, for good when it resolves; harmless when they are gone. Open ones stay readable. */
  remove(sha256: string): Promise<void>;
  /** Everything stored, the files of one original beside each other. */
  list(): AsyncIterable<StoredBlob>;
  /** Lets go of connections. */
  close(): Promise<void>;
}
