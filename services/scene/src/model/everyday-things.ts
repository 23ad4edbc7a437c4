/**
 * The things a photo can be tagged with, by theme: nouns and short noun phrases that people use for what they
 * photograph and that the joint embedding's training texts (captions of everyday scenes) can know. Brands,
 * names, abstract words and words with a second, more photographed meaning are left out. Lower case, a-z and
 * spaces only: this is what the text tower sees after cleaning. The list's hash is part of the tag cache's
 * key, so a change asks for `generate-tags.ts`.
 */
const themes = {
  people: `
    man, woman, boy, girl, baby, toddler, child, teenager, couple, family, crowd, bride, groom, wedding
    couple, group of people, group of children, face, smiling face, dancer, singer, guitarist, drummer,
    musician, band on stage, chef, waiter, doctor, nurse, firefighter, police officer, soldier, construction
    worker, farmer, fisherman, street vendor, painter, photographer, astronaut, businessman, clown, athlete,
    runner, swimmer, surfer, skateboarder, skier, snowboarder, climber, hiker, cyclist, motorcyclist,
    football player, soccer player, baseball player, basketball player, tennis player, hockey player,
    golfer, boxer, cowboy`,
  clothing: `
    dress, wedding dress, suit, suit and tie, shirt, jacket, coat, sweater, jeans, skirt, shorts, swimsuit,
    bikini, uniform, space suit, costume, mask, hat, helmet, hood, scarf, gloves, shoes, sneakers, boots,
    high heels, sandals, glasses, sunglasses, goggles, watch, necklace, earrings, backpack, handbag,
    suitcase, umbrella`,
  pets: `
    dog, puppy, cat, kitten, tabby cat, black dog, white dog, brown dog, small dog, dog on a leash, rabbit,
    hamster, parrot, goldfish, aquarium`,
  animals: `
    horse, pony, donkey, cow, calf, bull, sheep, lamb, goat, pig, chicken, rooster, duck, goose, turkey,
    swan, pigeon, seagull, bird, eagle, owl, hawk, crow, sparrow, hummingbird, peacock, penguin, ostrich,
    flamingo, elephant, giraffe, zebra, lion, tiger, leopard, cheetah, bear, polar bear, panda, wolf, fox,
    deer, moose, camel, kangaroo, koala, monkey, gorilla, chimpanzee, squirrel, mouse, hedgehog, raccoon,
    snake, lizard, crocodile, turtle, frog, fish, shark, whale, dolphin, seal, octopus, jellyfish, crab,
    lobster, starfish, snail, butterfly, bee, dragonfly, ladybug, beetle, spider`,
  plants: `
    flower, rose, tulip, sunflower, daisy, orchid, bouquet of flowers, flower garden, potted plant, cactus,
    fern, tree, palm tree, pine tree, bare tree, autumn leaves, leaf, grass, bush, moss, mushroom, garden,
    greenhouse, wheat field, cherry blossom`,
  food: `
    food, plate of food, breakfast, bread, sandwich, hamburger, hot dog, pizza, pasta, noodles, soup, salad,
    rice, sushi, steak, roast chicken, bacon, sausage, egg, omelette, cheese, french fries, pancake, waffle,
    croissant, bagel, pretzel, muffin, doughnut, cake, birthday cake, cupcake, pie, cookie, chocolate,
    candy, ice cream, fruit, apple, banana, orange, lemon, grapes, strawberry, cherry, pear, pineapple,
    watermelon, pomegranate, vegetables, tomato, potato, carrot, onion, broccoli, cauliflower, cucumber,
    pumpkin, corn, cabbage, lettuce, artichoke, nuts`,
  drinks: `
    coffee, cup of coffee, espresso, cup of tea, teapot, glass of water, glass of wine, bottle of wine,
    beer, cocktail, milk, bottle, coffee mug, cup, saucer, pitcher`,
  kitchen: `
    kitchen, bowl, plate, spoon, fork, knife, frying pan, cooking pot, kettle, toaster, microwave, stove,
    oven, dishwasher, refrigerator, sink, cutting board, dishes`,
  home: `
    bedroom, living room, bathroom, dining room, bed, pillow, blanket, curtain, sofa, armchair, chair,
    wooden chair, bench, table, wooden table, dining table, desk, shelf, bookshelf, wardrobe, mirror, lamp,
    chandelier, candle, fireplace, clock, carpet, rug, vase, picture frame, window, door, staircase,
    bathtub, shower, toilet, towel, soap, toothbrush, washing machine, vacuum cleaner`,
  objects: `
    book, open book, newspaper, pen, pencil, scissors, map, camera, binoculars, telescope, microscope,
    television, laptop, computer, computer keyboard, computer mouse, printer, telephone, cell phone,
    headphones, microphone, loudspeaker, radio, remote control, light bulb, key, coins, paper money, hammer,
    ladder, rope, lawn mower, wheelbarrow, shovel, trash can, shopping cart, shopping bag, balloon, hot air
    balloon, gift box, flag, stop sign, traffic light, street lamp, mailbox, fire hydrant, parking meter,
    fence, gate, tent, hammock, campfire, fireworks, kite, parachute`,
  play: `
    toy, doll, teddy bear, toy car, building blocks, puzzle, playing cards, chess board, dice, ball,
    football, soccer ball, basketball, baseball, baseball bat, tennis racket, golf ball, volleyball,
    frisbee, skateboard, surfboard, skis, snowboard, sled, bicycle helmet, swing, playground, trampoline,
    carousel, roller coaster, ferris wheel, bubbles, snowman, sand castle, swimming pool`,
  music: `
    guitar, electric guitar, violin, piano, drums, trumpet, saxophone, concert, stage`,
  vehicles: `
    car, sports car, old car, taxi, police car, ambulance, fire truck, truck, pickup truck, van, bus, school
    bus, double decker bus, tram, train, steam train, subway train, bicycle, mountain bike, motorcycle,
    scooter, dirt bike, go kart, race car, tractor, bulldozer, forklift, boat, sailboat, rowing boat, canoe,
    kayak, motorboat, ship, cruise ship, ferry, airplane, fighter jet, helicopter, rocket, rocket launch,
    space shuttle, horse carriage, stroller, wheelchair, wheel, tire, steering wheel`,
  places: `
    street, city street, busy street, alley, sidewalk, road, country road, highway, crosswalk, parking lot,
    gas station, bridge, tunnel, railway track, train station, airport, runway, harbor, pier, lighthouse,
    market, shop, shop window, supermarket, restaurant, cafe, office, classroom, library, museum, theater,
    church, mosque, castle, tower, skyscraper, city skyline, apartment building, house, wooden house,
    cottage, barn, farm, factory, chimney, power lines, wind turbine, windmill, launch pad, stadium,
    basketball court, tennis court, baseball field, soccer field, golf course, skate park, race track, park,
    park bench, fountain, statue, monument, cemetery, town square, courtyard, balcony, roof, brick wall,
    graffiti, construction site, hospital, escalator, elevator`,
  nature: `
    beach, sea, ocean wave, coast, cliff, island, lake, river, waterfall, pond, water, forest, jungle,
    mountain, snowy mountain, hill, valley, desert, sand dune, canyon, cave, rock, glacier, snow, field,
    meadow, vineyard, countryside, puddle, sky, blue sky, clouds, storm, lightning, rain, rainbow, fog,
    sunrise, sunset, night sky, stars, moon, city lights at night, fire, smoke`,
} as const;

/** All things, each once, in a stable order: index n belongs to row n of the tag embeddings. */
export const everydayThings: readonly string[] = [
  ...new Set(
    Object.values(themes)
      .flatMap((words) => words.split(","))
      .map((word) => word.trim().replace(/\s+/g, " ")),
  ),
];

/** The sentence whose embedding stands for a thing: the form the joint embedding was measured with. */
export function tagPrompt(thing: string): string {
  return `a photo of ${/^[aeiou]/.test(thing) ? "an" : "a"} ${thing}`;
}
