import { openAsBlob } from "node:fs";
import { basename } from "node:path";
import { type Api, ApiError } from "./api.ts";
import { uploadedSchema } from "./schemas.ts";

/** Larger files go in pieces, so that a broken connection costs only the last one. */
export const piecewiseBytes = 50_000_000;
const pieceBytes = 20_000_000;
const breaks = 5;
const tus = { "tus-resumable": "1.0.0" };

/** A file to send. */
export interface FileToSend {
  path: string;
  sizeBytes: number;
}

/** Sends a file. @returns the id of its photo, and whether the server had it already. @throws ApiError when it is refused. */
export async function sendFile(api: Api, file: FileToSend): Promise<{ id: string; duplicate: boolean }> {
  if (file.sizeBytes >= piecewiseBytes) return sendPieces(api, file);
  const answer = await api.send("/photos", {
    method: "POST",
    async body() {
      const form = new FormData();
      form.set("file", await openAsBlob(file.path), basename(file.path));
      return form;
    },
  });
  return uploadedSchema.parse(await answer.json());
}

/** The tus protocol. */
async function sendPieces(
  api: Api,
  { path, sizeBytes }: FileToSend,
): Promise<{ id: string; duplicate: boolean }> {
  const filename = Buffer.from(basename(path)).toString("base64");
  const created = await api.send("/uploads", {
    method: "POST",
    headers: { ...tus, "upload-length": String(sizeBytes), "upload-metadata": `filename ${filename}` },
  });
  const upload = new URL(created.headers.get("location") ?? "", "http://localhost").pathname;
  const address = upload.replace(/^\/api\/v1/, "");
  const blob = await openAsBlob(path);
  let offset = 0;
  for (let broken = 0; ; ) {
    const piece = blob.slice(offset, offset + pieceBytes);
    try {
      const answer = await api.send(address, {
        method: "PATCH",
        headers: {
          ...tus,
          "content-type": "application/offset+octet-stream",
          "upload-offset": String(offset),
        },
        body: async () => piece,
      });
      const id = answer.headers.get("ocelli-photo-id");
      if (id !== null) return { id, duplicate: false };
      offset = Number(answer.headers.get("upload-offset"));
    } catch (error) {
      // Part of a piece that broke off has arrived, so the next attempt was at the wrong offset.
      if (!(error instanceof ApiError) || error.status !== 409 || ++broken > breaks) throw error;
      const head = await api.send(address, { method: "HEAD", headers: tus });
      const id = head.headers.get("ocelli-photo-id");
      if (id !== null) return { id, duplicate: false };
      offset = Number(head.headers.get("upload-offset"));
    }
  }
}
