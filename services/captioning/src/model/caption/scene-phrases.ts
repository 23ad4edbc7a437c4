/** How a scene class (scenes.json) is said: after a subject, and alone. */
export interface ScenePhrase {
  after: string;
  alone: string;
}

const phrases: Readonly<Record<string, ScenePhrase>> = {
  bedroom: { after: "in a bedroom", alone: "a bedroom" },
  "living room": { after: "in a living room", alone: "a living room" },
  kitchen: { after: "in a kitchen", alone: "a kitchen" },
  bathroom: { after: "in a bathroom", alone: "a bathroom" },
  "dining room": { after: "in a dining room", alone: "a dining room" },
  office: { after: "in an office", alone: "an office" },
  "conference room": { after: "in a conference room", alone: "a conference room" },
  corridor: { after: "in a corridor", alone: "a corridor" },
  store: { after: "in a store", alone: "a store" },
  "city street": { after: "on a city street", alone: "a city street" },
  "city buildings": { after: "in front of city buildings", alone: "city buildings" },
  "tall building": { after: "in front of a tall building", alone: "a tall building" },
  "suburban houses": { after: "in front of houses", alone: "suburban houses" },
  "industrial site": { after: "at an industrial site", alone: "an industrial site" },
  highway: { after: "on a highway", alone: "a highway" },
  "coast or sea": { after: "by the sea", alone: "the sea and the coast" },
  forest: { after: "in a forest", alone: "a forest" },
  mountain: { after: "in the mountains", alone: "mountains" },
  "snow and ice": { after: "in the snow", alone: "a landscape of snow and ice" },
  "open country": { after: "in the countryside", alone: "open countryside" },
  "sunrise or sunset": { after: "at sunset", alone: "a sunset" },
  fog: { after: "in the fog", alone: "a foggy view" },
};

/** Phrases of a scene class; a class we do not know is said with its own name. */
export function scenePhrase(label: string): ScenePhrase {
  return phrases[label] ?? { after: `in a ${label}`, alone: `a ${label}` };
}
