import { mentionsPerson } from "./evidence.ts";
import { joinWords, withCount } from "./nouns.ts";
import { scenePhrase } from "./scene-phrases.ts";
import type { CaptionContext, Draft, Labelled } from "./types.ts";

/** Detector score from which an object alone makes a sentence that may be shown, however near to the picture. */
const sureObject = 0.5;
/** Detector score that suffices whatever the joint embedding says: it never learned "a person" as a sentence (cosine .14-.31). */
const certainObject = 0.6;
/** Detector score from which an object may take part in a sentence that the picture must confirm. */
const possibleObject = 0.35;
/** Objects and tags that take part, best first: more make lists nobody reads, and every sentence costs an embedding. */
const maxKinds = 3;
const maxTags = 5;

/** Least cosines: tags are cut at .45 by their maker, a right sentence scores .35-.60, an unrelated one up to .25. */
const minimum = { certain: -1, sure: 0.15, possible: 0.35, tags: 0.38, scene: 0.28 } as const;
/** What a guessed detail ("on a table") must gain in cosine before it is said. */
const guess = -0.03;

const worn =
  /\b(suit|tie|dress|shirt|jacket|coat|sweater|jeans|skirt|shorts|swimsuit|bikini|uniform|costume|mask|hat|helmet|hood|scarf|gloves|glasses|sunglasses|goggles)\b/;
/** One is "in a suit" but "wearing a hat". */
const dressedIn = /\b(suit|dress|shirt|jacket|coat|uniform|costume|skirt)\b/;
const carried = new Set(["backpack", "handbag", "suitcase", "umbrella", "cell phone", "book", "laptop"]);
const served =
  /\b(cup|mug|coffee|espresso|tea|glass|bottle|plate|bowl|food|sandwich|pizza|cake|bread|soup|salad|donut|doughnut|teapot|vase)\b/;

interface Subject {
  text: string;
  minCosine: number;
  evidence: number;
}

/** Plain sentences that the context allows, each once; they are to be compared with the picture. */
export function draftPlain(context: CaptionContext): Draft[] {
  const subjects = [...objectSubjects(context), ...tagSubjects(context)];
  const drafts = subjects.flatMap((subject) => [subject, ...elaborations(subject, context)]);
  const all = [...drafts, ...sceneSubjects(context)];
  const unique = new Map(all.map((draft) => [draft.text, draft]));
  return [...unique.values()].map((draft) => ({ ...draft, source: "PLAIN" }));
}

function objectSubjects({ objects }: CaptionContext): Subject[] {
  const kinds = countKinds(objects.filter(({ score }) => score >= possibleObject));
  const things = kinds.filter(({ label }) => !worn.test(label));
  const subjects = things.slice(0, maxKinds).map((kind) => objectSubject([kind]));
  for (let size = 2; size <= Math.min(maxKinds, things.length); size++)
    subjects.push(objectSubject(things.slice(0, size)));
  return subjects;
}

interface Kind extends Labelled {
  count: number;
}

/** Objects by label with their number (only as sure ones count beyond the first), surest kind first. */
function countKinds(objects: readonly Labelled[]): Kind[] {
  const kinds = new Map<string, Kind>();
  for (const { label, score } of objects) {
    const kind = kinds.get(label);
    if (kind === undefined) kinds.set(label, { label, score, count: 1 });
    else {
      kind.count += score >= sureObject - 0.1 ? 1 : 0;
      kind.score = Math.max(kind.score, score);
    }
  }
  return [...kinds.values()].sort((a, b) => b.score - a.score);
}

function objectSubject(kinds: readonly Kind[]): Subject {
  const [first, second] = kinds;
  const carries = kinds.length === 2 && first?.label === "person" && carried.has(second?.label ?? "");
  const words = kinds.map(({ label, count }) => withCount(label, count));
  const text = carries ? words.join(" with ") : joinWords(words);
  return { text, minCosine: leastCosine(kinds), evidence: 0 };
}

function leastCosine(kinds: readonly Kind[]): number {
  const weakest = Math.min(...kinds.map(({ score }) => score));
  if (weakest >= certainObject) return minimum.certain;
  return weakest >= sureObject ? minimum.sure : minimum.possible;
}

function tagSubjects({ tags, objects }: CaptionContext): Subject[] {
  const people: number = objects.filter(
    ({ label, score }) => label === "person" && score >= sureObject,
  ).length;
  const personTag = tags.find(({ label }) => mentionsPerson(label))?.label;
  return tags.slice(0, maxTags).flatMap(({ label }): Subject[] => {
    const plain: Subject = { text: withCount(label, 1), minCosine: minimum.tags, evidence: 0 };
    // The sun itself is seldom the subject, and a sunset is a sky for certain.
    if (label === "sunset" || label === "sunrise") return [plain, { ...plain, text: `the sky at ${label}` }];
    if (!worn.test(label) || people === 0) return [plain];
    const worns = `${dressedIn.test(label) ? " in " : " wearing "}${wornBy(label, people)}`;
    const dressed = [`${withCount("person", people)}${worns}`];
    if (personTag !== undefined && people === 1) dressed.push(`${withCount(personTag, 1)}${worns}`);
    return dressed.map((text) => ({ text, minCosine: minimum.possible, evidence: 0 }));
  });
}

/** "a suit and tie" for one person, "suits and ties" for several. */
function wornBy(label: string, people: number): string {
  if (people === 1) return withCount(label, 1);
  return label
    .split(" and ")
    .map((part) => withCount(part, 2).replace(/^two /, ""))
    .join(" and ");
}

function elaborations(subject: Subject, { scene, objects, tags }: CaptionContext): Subject[] {
  const result: Subject[] = [];
  const add = (detail: string, evidence: number): void => {
    const minCosine = Math.max(subject.minCosine, minimum.possible);
    result.push({ text: `${subject.text} ${detail}`, minCosine, evidence: subject.evidence + evidence });
  };
  if (served.test(subject.text)) {
    const table = [...objects, ...tags].some(({ label }) => /\btable\b/.test(label));
    add("on a table", table ? 0 : guess);
    add("on a wooden table", 2 * guess);
  }
  if (scene === undefined) return result;
  if (!scene.unsure && scene.label !== undefined) add(scenePhrase(scene.label).after, 0);
  else if (scene.place !== "unknown") add(`${scene.place}s`, guess / 2);
  return result;
}

function sceneSubjects({ scene }: CaptionContext): Subject[] {
  if (scene?.label === undefined || scene.unsure) return [];
  return [{ text: scenePhrase(scene.label).alone, minCosine: minimum.scene, evidence: 0 }];
}

/** What may be said when nothing else may: where, if that is known. */
export function fallbackCaption({ scene }: CaptionContext): string {
  if (scene?.place === "outdoor" || scene?.place === "indoor") return `a photo taken ${scene.place}s`;
  return "an unclear photo";
}
