import { analysisSettings, rawImageSettings } from "@ocelli/analysis";
import type { SettingsValues } from "@ocelli/chassis";

/** Every setting of the scene service. */
export const settings = { ...analysisSettings("scene", 7005), ...rawImageSettings };

/** Values of {@link settings}. */
export type SceneConfig = SettingsValues<typeof settings>;
