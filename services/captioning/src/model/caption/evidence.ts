import type { CaptionContext } from "./types.ts";

/** Least detector score that counts as evidence by itself: at .40 a third of the detections are wrong. */
const evidentScore = 0.5;

/** Words that name a detector class; plurals and kinds included. Classes of one family are mistaken for each other. */
const animals: Readonly<Record<string, RegExp>> = {
  cat: /\b(cats?|kittens?|tabby)\b/,
  dog: /\b(dogs?|pupp(?:y|ies)|greyhounds?|poodles?|terriers?)\b/,
  horse: /\b(horses?|pon(?:y|ies))\b/,
  sheep: /\b(sheep|lambs?)\b/,
  cow: /\b(cows?|cal(?:f|ves)|bulls?)\b/,
  bird: /\b(birds?|parrots?|pigeons?|seagulls?|ducks?|geese|goose|eagles?|owls?|swans?)\b/,
  elephant: /\belephants?\b/,
  bear: /\b(?<!teddy )bears?\b/,
  zebra: /\bzebras?\b/,
  giraffe: /\bgiraffes?\b/,
};

const vehicles: Readonly<Record<string, RegExp>> = {
  car: /\b(cars?|taxis?)\b/,
  bus: /\bbus(?:es)?\b/,
  truck: /\b(trucks?|vans?)\b/,
  train: /\b(trains?|trams?)\b/,
  motorcycle: /\b(motorcycles?|motorbikes?|dirt bikes?|scooters?)\b/,
  bicycle: /\b(bicycles?|(?<!dirt )bikes?)\b/,
  boat: /\b(boats?|ships?|canoes?|kayaks?|ferry|sailboats?)\b/,
  airplane: /\b(airplanes?|planes?|jets?)\b/,
};

/** "person" in all its forms, as the decoder's vocabulary and the tags say it. */
const personWords =
  /\b(persons?|people|m[ae]n|wom[ae]n|boys?|girls?|lad(?:y|ies)|guys?|kids?|child(?:ren)?|bab(?:y|ies)|toddlers?|adults?|crowd|couple|family|group|someone|teenagers?|bride|groom|astronauts?|soldiers?|athletes?|players?|surfers?|skateboarders?|skiers?|snowboarders?|climbers?|hikers?|bikers?|bicyclists?|cyclists?|runners?|swimmers?|riders?|dancers?|singers?|musicians?|guitarists?|fighters?|chefs?|workers?|performers?|cheerleaders?|gymnasts?|wrestlers?|team|his|her)\b/;

const manyPeople =
  /\b(two|three|four|five|several|many|group|crowd|people|men|women|boys|girls|children|kids|couple|team|others)\b/;

/** Whether the sentence names a person. */
export function mentionsPerson(text: string): boolean {
  return personWords.test(text);
}

/** What the other models say to a sentence. */
export interface Support {
  verdict: "SUPPORTED" | "NEUTRAL" | "UNSUPPORTED" | "CONTRADICTED";
  /** To add to the cosine when ranking. */
  bonus: number;
}

/** Size of agreement and disagreement on the scale of cosines, where right pairs are .35-.60 and unrelated -.1-.25. */
const step = 0.03;

/**
 * Compares the things a sentence names with what was found. A person nobody found is UNSUPPORTED; an animal or vehicle
 * other than the one found is CONTRADICTED; neither may be shown.
 */
export function weighEvidence(text: string, context: CaptionContext): Support {
  if (isUnexamined(context)) return { verdict: "NEUTRAL", bonus: 0 };
  if (mentionsPerson(text) && !hasPerson(context)) return { verdict: "UNSUPPORTED", bonus: -step };
  const seen = context.objects.filter(({ score }) => score >= evidentScore).map(({ label }) => label);
  const named = context.tags.map(({ label }) => label).join(", ");
  let bonus = mentionsPerson(text) ? step : 0;
  for (const family of [animals, vehicles]) {
    const found = (label: string, words: RegExp): boolean => seen.includes(label) || words.test(named);
    const others = Object.entries(family).some(([label, words]) => found(label, words));
    for (const [label, words] of Object.entries(family)) {
      if (!words.test(text)) continue;
      if (found(label, words)) bonus += words.test(named) && seen.includes(label) ? step * 1.5 : step;
      else if (others) return { verdict: "CONTRADICTED", bonus: -step };
      else bonus -= step;
    }
  }
  if (seen.some((label) => !isInFamily(label) && namesThing(text, label))) bonus += step / 2;
  const people = Math.max(context.faces ?? 0, seen.filter((label) => label === "person").length);
  if (people === 1 && mentionsPerson(text) && manyPeople.test(text)) bonus -= 2 * step;
  return { verdict: bonus > 0 ? "SUPPORTED" : "NEUTRAL", bonus };
}

function isInFamily(label: string): boolean {
  return label === "person" || label in animals || label in vehicles;
}

/** Whether no other model looked at the picture (or none found anything): then nothing speaks against a sentence either. */
export function isUnexamined({ objects, tags, scene, faces }: CaptionContext): boolean {
  return objects.length === 0 && tags.length === 0 && scene === undefined && faces === undefined;
}

/** Whether the sentence says the thing's name or its head noun: "a cup of coffee" names "cup", "on a table" "dining table". */
export function namesThing(text: string, label: string): boolean {
  const words = ` ${text} `;
  return words.includes(` ${label} `) || words.includes(` ${label.split(" ").at(-1) ?? label} `);
}

function hasPerson({ objects, tags, faces = 0 }: CaptionContext): boolean {
  const seen = objects.some(({ label, score }) => label === "person" && score >= evidentScore);
  return seen || faces > 0 || tags.some(({ label }) => mentionsPerson(label));
}
