import KDBush from "kdbush";

/** The world's towns as a few arrays: cheap to keep, and to hand from one thread to another. */
export interface PackedTowns {
  /** Spatial index over longitude and latitude; see KDBush. */
  tree: ArrayBuffer;
  /** Names, one after another, in UTF-8. */
  names: Uint8Array<ArrayBuffer>;
  /** Where each name begins, and the end of the last. */
  starts: Uint32Array<ArrayBuffer>;
  /** Index into {@link regions} for each town. */
  regionOf: Uint16Array<ArrayBuffer>;
  /** `CC`, a line break, and the name of the state or province, which may be empty. */
  regions: string[];
}

/** A town of the data set. */
export interface Town {
  name: string;
  latitude: number;
  longitude: number;
  /** ISO 3166-1 alpha-2. */
  country: string;
  /** Code of the state or province within the country. */
  admin1: string;
}

/** Takes towns one by one. */
export interface TownPacker {
  add(town: Town): void;
  finish(): PackedTowns;
}

/** Creates a packer; `regionNames` by `CC.admin1`. Nothing of a town stays but a few bytes in growing arrays. */
export function createTownPacker(regionNames: ReadonlyMap<string, string>): TownPacker {
  const regions = new Map<string, number>();
  let names = new Uint8Array(1 << 16);
  let starts = new Uint32Array(1 << 12);
  let regionOf = new Uint16Array(1 << 12);
  let coordinates = new Float32Array(1 << 13);
  let count = 0;
  let end = 0;
  const encoder = new TextEncoder();

  function grow(nameLength: number): void {
    if (end + nameLength * 3 > names.length) names = enlarged(names, new Uint8Array(names.length * 2));
    if (count + 2 <= starts.length) return;
    starts = enlarged(starts, new Uint32Array(starts.length * 2));
    regionOf = enlarged(regionOf, new Uint16Array(regionOf.length * 2));
    coordinates = enlarged(coordinates, new Float32Array(coordinates.length * 2));
  }

  return {
    add({ name, latitude, longitude, country, admin1 }) {
      const text = name.slice(0, 200);
      grow(text.length);
      end += encoder.encodeInto(text, names.subarray(end)).written;
      const region = `${country}\n${regionNames.get(`${country}.${admin1}`) ?? ""}`;
      const known = regions.get(region) ?? regions.size;
      regions.set(region, known);
      regionOf[count] = known;
      coordinates.set([longitude, latitude], count * 2);
      count += 1;
      starts[count] = end;
    },
    finish() {
      const tree = new KDBush(count, 64, Float32Array);
      for (let town = 0; town < count; town++) {
        tree.add(coordinates[town * 2] ?? 0, coordinates[town * 2 + 1] ?? 0);
      }
      tree.finish();
      return {
        // An ArrayBuffer: KDBush was asked for nothing else.
        tree: tree.data as ArrayBuffer,
        names: names.slice(0, end),
        starts: starts.slice(0, count + 1),
        regionOf: regionOf.slice(0, count),
        regions: [...regions.keys()],
      };
    },
  };
}

function enlarged<T extends Uint8Array | Uint16Array | Uint32Array | Float32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
