import { analysisSettings, rawImageSettings } from "@ocelli/analysis";
import { type SettingsValues, setting, settingTypes } from "@ocelli/chassis";

/** Every setting of the captioning service. */
export const settings = {
  ...analysisSettings("captioning", 7003),
  ...rawImageSettings,
  sceneAddress: setting("SCENE_ADDR", settingTypes.grpcAddress, {
    default: "127.0.0.1:7005",
    doc: "Address of the scene service, asked what pictures show that are captioned without being stored.",
  }),
};

/** Values of {@link settings}. */
export type CaptioningConfig = SettingsValues<typeof settings>;
