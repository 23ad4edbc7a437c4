/** Tables behind duplicates. */
export interface DuplicateTables {
  /** What the pixels of a photo say of it. */
  pictures: {
    photo_id: string;
    owner_id: string;
    sha256: string;
    /** Perceptual hash, a `bigint` as text; null for pictures of one tone. */
    hash: string | null;
    /** Hashes of the picture turned by 90, 180 and 270 degrees. */
    turned: string[];
    /** 0..1. */
    sharpness: number;
  };
  /** Four rows per hash: what {@link pictures} are found by when a hash is near. */
  picture_bands: {
    owner_id: string;
    value: number;
    photo_id: string;
    hash: string;
  };
  /** Photos that are the same or nearly so; each pair stands here in both directions. */
  duplicate_pairs: {
    owner_id: string;
    photo_id: string;
    other_id: string;
    /** The same bytes. */
    exact: boolean;
    /** Bits in which the hashes differ, turned where that is nearer. */
    distance: number;
  };
  /** Pairs that their owner wants to keep both of; `photo_id` is the smaller. */
  kept_duplicates: {
    owner_id: string;
    photo_id: string;
    other_id: string;
  };
}
