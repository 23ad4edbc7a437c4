const maxLength = 255;
const maxExtension = 16;
const fallback = "photo";

// Control characters, and marks that make a name read differently from what it is (bidi overrides, byte order mark).
const unwanted = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/**
 * Keeps the last path segment of a client's file name, without control characters and direction overrides,
 * at most 255 characters; the extension survives the cut.
 */
export function cleanFilename(name: string): string {
  const segment = name.slice(-4096).split(/[/\\]/).at(-1) ?? "";
  const cleaned = segment.toWellFormed().replace(unwanted, "").normalize("NFC").trim();
  if (/^\.*$/.test(cleaned)) return fallback;
  const characters = [...cleaned];
  if (characters.length <= maxLength) return cleaned;
  const dot = characters.lastIndexOf(".");
  const extension = dot >= characters.length - maxExtension ? characters.slice(dot) : [];
  return [...characters.slice(0, maxLength - extension.length), ...extension].join("");
}
