/** Tables of what queries filter by and are understood with. */
export interface FactTables {
  /** The owner's persons, as of their newest change. */
  people: {
    person_id: string;
    owner_id: string;
    /** Empty while unnamed. */
    name: string;
    hidden: boolean;
    deleted: boolean;
    /** Who the person is now. */
    merged_into: string | null;
    revision: number;
  };
  /** Persons on a photo; may come before the photo's document. */
  document_people: { photo_id: string; owner_id: string; person_ids: string[]; revision: number };
  /** The owner's albums, as of their newest change. */
  albums: { album_id: string; owner_id: string; name: string; deleted: boolean; revision: number };
  /** Which photo is in which album, and which one was taken out: an older event must not bring it back. */
  document_albums: {
    album_id: string;
    photo_id: string;
    owner_id: string;
    present: boolean;
    revision: number;
  };
  /** Kept by a trigger: what the owner's photos that can be found say, and on how many. */
  vocabulary: {
    owner_id: string;
    kind: "label" | "place" | "camera" | "word";
    /** As shown; plain words in lower case. */
    word: string;
    photos: number;
  };
}
