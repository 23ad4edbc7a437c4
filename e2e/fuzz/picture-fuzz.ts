import { z } from "zod";
import type { MalformedImage } from "../../scripts/malformed-images/malformed-images.ts";
import { readLines } from "../harness/client.ts";
import { storedFiles } from "../harness/inspection.ts";
import { type Answer, problemProblems } from "./answers.ts";
import type { World } from "./world.ts";

/** A picture that was answered wrongly. */
export interface PictureFinding {
  route: string;
  picture: string;
  problems: string[];
}

/** What was sent, and what came of it. */
export interface PictureFuzzReport {
  sent: number;
  /** Photos that were stored and whose stages all ended. */
  stored: number;
  findings: PictureFinding[];
}

/** The ways by which a picture comes in; each tells what the answer came to. */
export const pictureRoutes = [
  "/photos",
  "/photos/validate",
  "/detect/image",
  "/classify",
  "/faces/search",
  "/search/by-image",
  "/uploads",
  "/albums/{id}/import",
] as const;

/** See {@link pictureRoutes}. */
export type PictureRoute = (typeof pictureRoutes)[number];

// A busy machine analyses a photo in seconds; one that is stuck never does.
const stagesTimeoutMs = 180_000;
const refusalStatuses: ReadonlySet<number> = new Set([400, 413, 415, 422]);
const ended: ReadonlySet<string> = new Set(["SUCCEEDED", "FAILED", "SKIPPED"]);

/** Sends pictures over some of the ways, one after another: nothing is stored of what is refused. */
export async function fuzzPictures(
  world: World,
  dataFolder: string,
  plan: ReadonlyArray<readonly [MalformedImage, PictureRoute]>,
): Promise<PictureFuzzReport> {
  const report: PictureFuzzReport = { sent: 0, stored: 0, findings: [] };
  const albumId = await createAlbum(world);
  const photoIds = new Set<string>();
  for (const [picture, route] of plan) {
    const before = filesOf(dataFolder);
    const { problems, refused, stored } = await send(world, route, albumId, picture);
    report.sent += 1;
    for (const id of stored) photoIds.add(id);
    if (refused) problems.push(...(await leftBehind(dataFolder, before)));
    if (picture.expectation === "refused" && stored.length > 0) problems.push("stored what no decoder takes");
    if (problems.length > 0) report.findings.push({ route, picture: picture.name, problems });
  }
  for (const id of photoIds) report.findings.push(...(await stagesOf(world, id)));
  report.stored = photoIds.size;
  return report;
}

interface Sent {
  problems: string[];
  refused: boolean;
  /** Ids of stored photos. */
  stored: string[];
}

async function send(
  world: World,
  route: PictureRoute,
  albumId: string,
  { name, bytes }: MalformedImage,
): Promise<Sent> {
  const { user } = world;
  const filename = `${name.replaceAll("/", " ")}.jpg`;
  if (route === "/uploads") return throughTus(world, bytes);
  const response = await user.sendFile(route.replace("{id}", albumId), bytes, filename);
  if (!response.ok) return refusal(response);
  if (route === "/classify") return classified(response);
  const body: unknown = await response.json();
  if (route === "/photos")
    return { problems: [], refused: false, stored: [z.object({ id: z.uuid() }).parse(body).id] };
  if (route !== "/albums/{id}/import") return { problems: [], refused: true, stored: [] };
  const file = z.object({ photoId: z.uuid() });
  const { photos, refused } = z.object({ photos: z.array(file), refused: z.array(z.unknown()) }).parse(body);
  const problems =
    photos.length + refused.length === 1 ? [] : [`no one answer to one file: ${JSON.stringify(body)}`];
  return { problems, refused: photos.length === 0, stored: photos.map(({ photoId }) => photoId) };
}

async function refusal(response: Response): Promise<Sent> {
  const answer: Answer = {
    status: response.status,
    headers: response.headers,
    body: await response.text(),
    ms: 0,
  };
  const problems = problemProblems(answer, []);
  if (!refusalStatuses.has(response.status))
    problems.push(`refused with ${response.status}: ${answer.body.slice(0, 200)}`);
  return { problems, refused: true, stored: [] };
}

/** A stream that began may still tell of an error, in its words. */
async function classified(response: Response): Promise<Sent> {
  let last = "";
  let id: string | undefined;
  for await (const { type, data } of readLines(response)) {
    last = type;
    id ??= z.object({ id: z.uuid() }).safeParse(data).data?.id;
  }
  return {
    problems: last === "done" || last === "error" ? [] : [`the stream ends with ${last}`],
    refused: false,
    stored: id ? [id] : [],
  };
}

async function throughTus({ user }: World, bytes: Uint8Array<ArrayBuffer>): Promise<Sent> {
  const tus = { "tus-resumable": "1.0.0" };
  const created = await user.request("/uploads", {
    method: "POST",
    headers: { ...tus, "upload-length": String(bytes.byteLength) },
  });
  if (!created.ok) return refusal(created);
  const path = new URL(created.headers.get("location") ?? "", "http://localhost").pathname.replace(
    "/api/v1",
    "",
  );
  const headers = { ...tus, "upload-offset": "0", "content-type": "application/offset+octet-stream" };
  const patched = await user.request(path, { method: "PATCH", headers, body: bytes });
  if (!patched.ok) {
    const outcome = await refusal(patched);
    await user.request(path, { method: "DELETE", headers: tus });
    return outcome;
  }
  const id = patched.headers.get("ocelli-photo-id");
  return { problems: [], refused: false, stored: id ? [id] : [] };
}

function filesOf(dataFolder: string): Set<string> {
  return new Set(storedFiles(dataFolder));
}

/** Files that came with a refused picture and stayed. */
async function leftBehind(dataFolder: string, before: ReadonlySet<string>): Promise<string[]> {
  for (let wait = 0; wait < 40; wait++) {
    const left = storedFiles(dataFolder).filter((file) => !before.has(file));
    if (left.length === 0) return [];
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return [
    `left behind: ${storedFiles(dataFolder)
      .filter((file) => !before.has(file))
      .join(", ")}`,
  ];
}

/** Every stage of a stored photo ends, and one that failed says why. */
async function stagesOf(world: World, id: string): Promise<PictureFinding[]> {
  const finding = (problem: string) => [{ route: "/photos/{id}", picture: id, problems: [problem] }];
  try {
    const photo = await world.user.analysed(id, stagesTimeoutMs);
    const silent = Object.entries(photo.stages).filter(
      ([, stage]) => stage.status !== "SUCCEEDED" && !stage.error,
    );
    const unended = Object.entries(photo.stages).filter(([, stage]) => !ended.has(stage.status));
    const odd = [...silent.filter(([, stage]) => stage.status === "FAILED"), ...unended];
    return odd.length > 0 ? finding(`${photo.filename}: ${JSON.stringify(odd)}`) : [];
  } catch (error) {
    return finding(error instanceof Error ? error.message : String(error));
  }
}

async function createAlbum({ user }: World): Promise<string> {
  return z.object({ id: z.uuid() }).parse(await (await user.post("/albums", { name: "imports" })).json()).id;
}
