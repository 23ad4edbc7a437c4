/**
 * Plain sentences for what people photograph and the 80 detector classes do not name. They are compared with the
 * picture like every other sentence; each names one thing, so that what fits can be told without inventing detail.
 * Lower case, a-z and spaces: what the text tower sees after cleaning.
 */
export const commonPhrases: readonly string[] = `
a rocket on a launch pad
a rocket launch
a rocket on the launch pad at night
an astronaut in a space suit
an airplane in the sky
fireworks in the night sky
a hot air balloon in the sky
the night sky with stars
the moon in the sky
clouds in a blue sky
a rainbow in the sky
the sky at sunset
a sunset over the sea
a sunset over the mountains
a beach by the sea
waves on the sea
a lake with mountains behind it
snowy mountains
a river through a forest
a waterfall
a desert with sand dunes
a field of flowers
a green field under a blue sky
a forest with tall trees
a tree in autumn
a snowy landscape
a road through the countryside
a city skyline at night
a city street with buildings
a tall building
an old church
a castle on a hill
a bridge over a river
a lighthouse on the coast
boats in a harbor
a house with a garden
a wooden cabin
a barn on a farm
a wind turbine in a field
a monument
a statue
a fountain in a park
a playground
a swimming pool
a ferris wheel
a stadium full of people
a concert with a band on stage
a crowd of people
a group of people posing together
a couple at their wedding
a child playing
a baby
a close up of a face
a cup of coffee on a table
a cup of tea
a plate of food on a table
a bowl of soup
a birthday cake with candles
a pizza on a plate
fruit in a bowl
vegetables on a table
a glass of wine
flowers in a vase
a close up of a flower
a potted plant
an insect on a leaf
a butterfly on a flower
a close up of a cat
a cat lying down
a dog lying down
a dog running on grass
a bird on a branch
birds in the sky
a horse in a field
cows in a field
fish in an aquarium
an elephant
a page of text
a sign with words on it
a screenshot of a computer screen
a map
a drawing
a painting on a wall
a poster
a book on a table
a computer on a desk
a living room with a sofa
a bedroom with a bed
a kitchen with a stove
a bathroom with a sink
an office with desks
a dining table with chairs
a shop with shelves
a car parked on a street
a car on a road
a race car on a track
a motorcycle parked outside
a bicycle leaning on a wall
a train at a station
a bus on a street
a tractor in a field
a boat on the water
a ship at sea
a toy on a table
a guitar
a clock on a wall
graffiti on a wall
a brick wall
a candle in the dark
a campfire at night
a tent in the woods
`
  .trim()
  .split("\n");
