import { readFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { z } from "zod";

/** A picture with sentences that describe it. */
export interface LabelledPicture {
  /** Path of the file. */
  path: string;
  /** One sentence or several. */
  captions: string[];
}

/** File in the folder that says what is what. */
const listName = "captions.jsonl";
// Bounds the memory of an evaluation: 50,000 pictures are 77 MB of embeddings.
const maxPictures = 50_000;

const lineSchema = z.object({
  image: z.string().min(1).max(1000),
  captions: z.array(z.string().min(1).max(1000)).min(1).max(20),
});

/**
 * Reads `captions.jsonl` of a folder: a line of `{"image": "dog.jpg", "captions": ["a dog"]}` per picture, files
 * relative to the folder.
 * @throws Error naming the line that is wrong or leads out of the folder.
 */
export async function readLabelledPictures(folder: string): Promise<LabelledPicture[]> {
  const text = await readFile(join(folder, listName), "utf8");
  const lines = text.split("\n").flatMap((line, index) => (line.trim() ? [{ line, number: index + 1 }] : []));
  if (lines.length > maxPictures) throw new Error(`${listName} has more than ${maxPictures} pictures`);
  return lines.map(({ line, number }) => readLine(folder, line, number));
}

function readLine(folder: string, line: string, number: number): LabelledPicture {
  try {
    const { image, captions } = lineSchema.parse(JSON.parse(line));
    const path = resolve(folder, image);
    if (relative(folder, path).startsWith("..")) throw new Error(`${image} lies outside the folder`);
    return { path, captions };
  } catch (error) {
    throw new Error(`line ${number} of ${listName}: ${error instanceof Error ? error.message : error}`);
  }
}
