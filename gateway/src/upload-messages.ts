import type { libraryV1 } from "@ocelli/contracts";
import type { FilePart } from "./multipart.ts";

/** The messages of an upload: what it is, its bytes as they arrive, and that it is whole. */
export async function* uploadMessages(
  part: FilePart,
  interactive: boolean,
): AsyncGenerator<libraryV1.UploadPhotoRequest> {
  // Longer names are cut here, so that a name alone never makes a message large; the library cleans what is left.
  const filename = part.filename.slice(0, 1024);
  yield {
    part: { $case: "info", value: { filename, interactive, albumId: part.fields.get("albumId") ?? "" } },
  };
  let sizeBytes = 0;
  for await (const chunk of part.chunks) {
    sizeBytes += chunk.byteLength;
    yield { part: { $case: "chunk", value: chunk } };
  }
  yield { part: { $case: "end", value: { sizeBytes } } };
}
