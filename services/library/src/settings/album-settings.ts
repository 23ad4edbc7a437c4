import { setting, settingTypes } from "@ocelli/chassis";

/** Settings of albums. */
export const albumSettings = {
  maxAlbums: setting("MAX_ALBUMS", settingTypes.integer(1, 1_000_000), {
    default: 5_000,
    doc: "Most albums a user may have.",
  }),
};
