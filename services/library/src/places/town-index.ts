import { around } from "geokdbush";
import KDBush from "kdbush";
import type { PackedTowns } from "./packed-towns.ts";

/** The town near which a picture was taken. */
export interface Place {
  city: string;
  /** State or province; empty when unknown. */
  region: string;
  /** In English; empty when unknown. */
  country: string;
}

/** Finds towns. */
export interface TownIndex {
  /** The nearest town within {@link maxDistanceKm}; undefined in the middle of nowhere, and for what is no position. */
  nearest(latitude: number, longitude: number): Place | undefined;
}

/** Farther away, the name of a town says nothing about a picture. */
export const maxDistanceKm = 50;

/** Makes packed towns searchable. */
export function createTownIndex(towns: PackedTowns): TownIndex {
  const tree = KDBush.from(towns.tree);
  const countries = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
  const decoder = new TextDecoder();

  function placeOf(town: number): Place {
    const name = towns.names.subarray(towns.starts[town], towns.starts[town + 1]);
    const [country = "", region = ""] = (towns.regions[towns.regionOf[town] ?? -1] ?? "").split("\n");
    return {
      city: decoder.decode(name),
      region,
      country: /^[A-Z]{2}$/.test(country) ? (countries.of(country) ?? "") : "",
    };
  }

  return {
    nearest(latitude, longitude) {
      if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)) return undefined;
      const [town] = around(tree, longitude, latitude, 1, maxDistanceKm);
      return town === undefined ? undefined : placeOf(town);
    },
  };
}
