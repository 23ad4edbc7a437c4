import type { KnownName } from "../store/lexicon.ts";
import type { Term } from "./query.ts";

/** Words of a query that name something the owner's photos know. */
export interface FoundName {
  /** As typed. */
  text: string;
  /** Everything of that name and of the likeliest kind. */
  names: KnownName[];
  /** True for what may as well be an ordinary word: it then counts for a photo but does not keep others out. */
  mayBeWord: boolean;
}

/** Longest name looked for, in words. */
const longest = 4;
/** Of several things of one name, the one meant. Cameras and labels are found by their words. */
const kinds = ["person", "place", "album"] as const;
const leadIns = new Set(["in", "at", "near", "from", "with", "of", "and", "by", "album"]);

/**
 * Names that are ordinary English words as well; written in lower case they count as words. People write their
 * friends' names without capitals, but "will", "rose" or "nice" are oftener words.
 */
const ordinary = new Set(
  (
    "april august autumn bath bill buffalo chad china christian cologne crystal daisy dale dawn dean dick drew eve faith " +
    "forest frank gene georgia glen grace grant guy hamburger holly hope hunter iris ivy jack jade jasmine jordan joy " +
    "june lance lily mark may mason melody mobile nice olive orange page paradise park pearl penny pierce piper poppy " +
    "rain ray reading rich robin rock rod rose ruby sage sand sandy scarlet sky sterling summer sunny turkey victor " +
    "violet wade ward will willow winter"
  ).split(" "),
);

/** Every run of up to four plain words, and every phrase, in lower case: what may be a name. */
export function candidateNames(terms: readonly Term[]): string[] {
  const candidates = new Set<string>();
  for (let start = 0; start < terms.length; start++) {
    for (let length = 1; length <= longest && start + length <= terms.length; length++) {
      const run = terms.slice(start, start + length);
      if (length > 1 && run.some(({ phrase }) => phrase)) break;
      candidates.add(nameOf(run));
    }
  }
  return [...candidates];
}

/**
 * Takes names out of a query, the longest first. Names that may be words stay in the terms.
 * @param known - what the owner's photos know of {@link candidateNames}.
 */
export function takeNames<T extends Term>(
  terms: readonly T[],
  known: readonly KnownName[],
): { names: FoundName[]; rest: T[] } {
  const names: FoundName[] = [];
  const rest: T[] = [];
  for (let start = 0; start < terms.length; ) {
    const found = longestName(terms, start, known);
    const [term] = terms.slice(start, start + 1);
    if (found) {
      names.push(found.name);
      const leadIn = rest.at(-1);
      if (found.name.mayBeWord) rest.push(...terms.slice(start, start + found.length));
      else if (leadIn && !leadIn.phrase && leadIns.has(leadIn.text.toLowerCase())) rest.pop();
    } else if (term) rest.push(term);
    start += found?.length ?? 1;
  }
  return { names, rest };
}

function longestName(terms: readonly Term[], start: number, known: readonly KnownName[]) {
  for (let length = Math.min(longest, terms.length - start); length >= 1; length--) {
    const run = terms.slice(start, start + length);
    if (length > 1 && run.some(({ phrase }) => phrase)) continue;
    const wanted = nameOf(run);
    const all = known.filter(({ name }) => isCalled(name, wanted));
    const kind = kinds.find((each) =>
      all.some((name) => name.kind === each && (each === "person" || name.name.toLowerCase() === wanted)),
    );
    if (!kind) continue;
    const text = run.map((term) => term.text).join(" ");
    const names = all.filter((name) => name.kind === kind);
    return { name: { text, names, mayBeWord: mayBeWord(text, kind, all, terms, start, length) }, length };
  }
  return undefined;
}

function mayBeWord(
  text: string,
  kind: KnownName["kind"],
  all: readonly KnownName[],
  terms: readonly Term[],
  start: number,
  length: number,
): boolean {
  if (length > 1 || terms[start]?.phrase) return false;
  const alone = terms.length === length;
  const announced = leadIns.has(terms[start - 1]?.text.toLowerCase() ?? "");
  // An album may be called anything ("Summer", "Dogs"): one word is a name only by itself or when announced.
  if (kind === "album") return !alone && !announced;
  if (announced) return false;
  const isLabel = all.some((name) => name.kind === "label");
  return isLabel || (text === text.toLowerCase() && ordinary.has(text));
}

function isCalled(name: string, wanted: string): boolean {
  const lower = name.toLowerCase();
  return lower === wanted || lower.split(" ")[0] === wanted;
}

function nameOf(run: readonly Term[]): string {
  return run
    .map(({ text }) => text.toLowerCase())
    .join(" ")
    .replace(/['’]s$/, "");
}
