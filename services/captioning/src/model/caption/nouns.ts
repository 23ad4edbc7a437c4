/** Things that are not counted: "snow", never "a snow". */
const uncountable = new Set(
  `coffee,espresso,milk,beer,food,bread,pasta,soup,salad,rice,sushi,bacon,cheese,chocolate,candy,ice cream,fruit,
  water,snow,sand,grass,moss,fog,rain,smoke,fire,lightning,graffiti,corn,broccoli,cauliflower,lettuce,cabbage,
  soap,countryside,sky,paper money,roast chicken,breakfast`
    .split(",")
    .map((word) => word.trim()),
);

/** Words that are plural as they stand. */
const pluralOnly = new Set(
  `jeans,shorts,gloves,shoes,sneakers,boots,high heels,sandals,glasses,sunglasses,goggles,earrings,scissors,
  binoculars,headphones,skis,autumn leaves,noodles,french fries,vegetables,grapes,nuts,dishes,coins,fireworks,
  building blocks,playing cards,dice,bubbles,drums,power lines,clouds,stars,city lights at night,people`
    .split(",")
    .map((word) => word.trim()),
);

const irregular = new Map([
  ["person", "people"],
  ["man", "men"],
  ["woman", "women"],
  ["child", "children"],
  ["mouse", "mice"],
  ["knife", "knives"],
  ["leaf", "leaves"],
  ["wolf", "wolves"],
  ["goose", "geese"],
  ["sheep", "sheep"],
  ["fish", "fish"],
  ["deer", "deer"],
  ["skis", "pairs of skis"],
  ["scissors", "pairs of scissors"],
  ["tooth", "teeth"],
  ["foot", "feet"],
]);

const numbers = ["no", "one", "two", "three", "four", "five", "six"];

/** Plural of an English noun phrase; the head is the last word, or the one before "of", "on" or "with". */
export function toPlural(noun: string): string {
  const phrase = /^(.+?)( (?:of|on|with) .+)$/.exec(noun);
  if (phrase?.[1] !== undefined) return `${toPlural(phrase[1])}${phrase[2] ?? ""}`;
  const whole = irregular.get(noun);
  if (whole !== undefined) return whole;
  if (pluralOnly.has(noun) || uncountable.has(noun)) return noun;
  const space = noun.lastIndexOf(" ");
  if (space >= 0) return `${noun.slice(0, space)} ${toPlural(noun.slice(space + 1))}`;
  if (/(?:s|x|z|ch|sh)$/.test(noun)) return `${noun}es`;
  if (/[^aeiou]y$/.test(noun)) return `${noun.slice(0, -1)}ies`;
  return `${noun}s`;
}

/** Noun with the article or number it needs: "a dog", "an orange", "snow", "two people", "several cars". */
export function withCount(noun: string, count: number): string {
  if (count > 1) return `${numbers[count] ?? "several"} ${toPlural(noun)}`;
  if (uncountable.has(noun) || pluralOnly.has(noun)) return noun;
  // Written vowels that sound like consonants, and the silent h.
  const vowel = /^(?:[aeio]|u(?!ni|ku|s[ae])|hour|honest)/.test(noun);
  return `${vowel ? "an" : "a"} ${noun}`;
}

/** "a", "a and b", "a, b and c". */
export function joinWords(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} and ${last}`;
}
