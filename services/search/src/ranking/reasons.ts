import type { FoundDocument } from "../store/found-photos.ts";

/** Most reasons given for one photo. */
const mostReasons = 12;

/**
 * Where in a document the words of a query stand, e.g. `caption: cup`, `label: dog`, `text: falcon`.
 * @param words - words and phrases, in lower case.
 */
export function wordReasons(document: FoundDocument, words: readonly string[]): string[] {
  const fields: readonly (readonly [name: string, text: string])[] = [
    ["title", document.title],
    ["description", document.description],
    ["caption", document.caption],
    ["text", document.ocrText],
    ["file", document.filename],
  ];
  const reasons: string[] = [];
  for (const [name, text] of fields) {
    const spoken = normalise(text);
    for (const word of words) if (mentions(spoken, word)) reasons.push(`${name}: ${word}`);
  }
  const named: readonly (readonly [name: string, values: readonly string[]])[] = [
    ["label", document.labels],
    ["place", document.places.split("\n")],
    ["camera", [document.camera]],
  ];
  for (const [name, values] of named)
    for (const value of values)
      if (value !== "" && words.some((word) => mentions(normalise(value), word)))
        reasons.push(`${name}: ${value}`);
  return reasons.slice(0, mostReasons);
}

/** Lower-case words with a space on both sides. */
function normalise(text: string): string {
  return ` ${text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ")} `;
}

/** The store compares stems; beginnings come close enough to say where a word was found ("cups": cup, "cup": cups). */
function mentions(text: string, word: string): boolean {
  const wanted = normalise(word).trim();
  return wanted !== "" && [wanted, stem(wanted)].some((form) => text.includes(` ${form}`));
}

function stem(word: string): string {
  const bare = word.replace(/(ies|es|s|ing|ed|e|y)$/, "");
  return bare.length >= 3 ? bare : word;
}
