import type { libraryV1 } from "@ocelli/contracts";
import type { FilePart } from "./multipart.ts";

/** The messages of an upload: what it is, then its bytes as they arrive. */
export async function* uploadMessages(
  part: FilePart,
  interactive: boolean,
): AsyncGenerator<libraryV1.UploadPhotoRequest> {
  // Longer names are cut here, so that a name alone never makes a message large; the library cleans what is left.
  const filename = part.filename.slice(0, 1024);
  yield { part: { $case: "info", value: { filename, interactive } } };
  for await (const chunk of part.chunks) yield { part: { $case: "chunk", value: chunk } };
}
