const kinds = [
  "a black",
  "a white",
  "a small",
  "two",
  "three",
  "an old",
  "a young",
  "a red",
  "a blue",
  "a wet",
];
const subjects = [
  ...["dog", "cat", "man", "woman", "child", "horse", "bicycle", "car", "boat", "train", "bird", "tree"],
  ...["house", "flower", "cup of coffee", "plate of food", "guitar", "computer", "book", "football player"],
  ...["skier", "surfer", "climber", "baby", "bride", "dancer", "musician", "soldier", "farmer", "tractor"],
  ...["airplane", "bridge", "waterfall", "sunset", "rocket", "lamp"],
];
const places = [
  ...["on the beach", "in the snow", "in a city street", "in a kitchen", "at night", "in the park"],
  ...["near a lake", "in front of a building", "on a mountain", "in a field", "on a table", "under a tree"],
  ...["by the window", "in the water", "at a party", "in a stadium", "in the desert", "in the garden"],
];

/** Captions as the model writes them, all different: 6,480. */
export function makeCaptions(): string[] {
  return kinds.flatMap((kind) =>
    subjects.flatMap((subject) => places.map((place) => `${kind} ${subject} ${place}`)),
  );
}

/** Labels of a caption: its subject. */
export function labelsOfCaption(caption: string): string[] {
  return subjects.filter((subject) => caption.includes(` ${subject} `));
}
