import { analysisSettings, rawImageSettings } from "@ocelli/analysis";
import type { SettingsValues } from "@ocelli/chassis";

/** Every setting of the face service. */
export const settings = { ...analysisSettings("face", 7004), ...rawImageSettings };

/** Values of {@link settings}. */
export type FaceConfig = SettingsValues<typeof settings>;
