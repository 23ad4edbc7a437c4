import { analysisSettings, rawImageSettings } from "@ocelli/analysis";
import { type SettingsValues, setting, settingTypes } from "@ocelli/chassis";
import { groupingSettings } from "./grouping/settings.ts";

/** Every setting of the face service. */
export const settings = {
  ...analysisSettings("face", 7004),
  ...rawImageSettings,
  ...groupingSettings,
  modelRetentionMs: setting("FACE_MODEL_RETENTION", settingTypes.duration, {
    default: 0,
    defaultDoc: "0s",
    doc: "How long embeddings of an earlier face model stay once a new model has taken over; until then going back costs little.",
  }),
};

/** Values of {@link settings}. */
export type FaceConfig = SettingsValues<typeof settings>;
