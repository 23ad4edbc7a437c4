const reserved = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;
const maxLength = 150;

/** A name that every file system can hold, and that leads nowhere else. */
export function safeZipName(name: string, fallback: string): string {
  const cleaned = name
    .toWellFormed()
    .normalize("NFC")
    // Controls and marks that make a name read differently, and what Windows does not allow.
    .replace(/[\p{Cc}\p{Cf}<>:"|?*/\\]/gu, "_")
    .replace(/^[. ]+|[. ]+$/g, "");
  const short = shorten(cleaned);
  if (short === "") return fallback;
  return reserved.test(short) ? `_${short}` : short;
}

function shorten(name: string): string {
  const characters = [...name];
  if (characters.length <= maxLength) return name;
  const dot = characters.lastIndexOf(".");
  const extension = dot > characters.length - 10 ? characters.slice(dot) : [];
  return [...characters.slice(0, maxLength - extension.length), ...extension].join("");
}

/** Hands out paths that are there once, also where case does not count. */
export function createZipPaths(): (folder: string, name: string) => string {
  const taken = new Set<string>();
  // Where to go on counting, so that many of one name cost no more than few.
  const counts = new Map<string, number>();
  return (folder, name) => {
    const path = folder === "" ? name : `${folder}/${name}`;
    const dot = path.lastIndexOf(".");
    const at = dot > path.lastIndexOf("/") ? dot : path.length;
    const key = path.toLowerCase();
    for (let count = counts.get(key) ?? 1; ; count += 1) {
      const candidate = count === 1 ? path : `${path.slice(0, at)} (${count})${path.slice(at)}`;
      // The sidecar's name is taken along.
      const names = [candidate, `${candidate}.json`].map((each) => each.toLowerCase());
      if (names.some((each) => taken.has(each))) continue;
      for (const each of names) taken.add(each);
      counts.set(key, count + 1);
      return candidate;
    }
  };
}
