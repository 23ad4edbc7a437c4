import { callerSettings, type SettingsValues, serviceSettings, setting, settingTypes } from "@ocelli/chassis";

const { byteSize, duration, grpcAddress, integer } = settingTypes;

/** Every setting of the captioning service. */
export const settings = {
  ...serviceSettings("captioning", 7003),
  ...callerSettings("captioning"),
  libraryAddress: setting("LIBRARY_ADDR", grpcAddress, {
    default: "127.0.0.1:7002",
    doc: "Address of the library service.",
  }),
  sceneAddress: setting("SCENE_ADDR", grpcAddress, {
    default: "127.0.0.1:7005",
    doc: "Address of the scene service, asked what pictures show that are captioned without being stored.",
  }),
  concurrency: setting("CAPTIONING_CONCURRENCY", integer(1, 64), {
    default: 2,
    doc: "Photos analysed at once per stage of the captioning service.",
  }),
  maxAttempts: setting("CAPTIONING_MAX_ATTEMPTS", integer(1, 20), {
    default: 5,
    doc: "Attempts before a captioning stage of a photo is FAILED.",
  }),
  fetchTimeoutMs: setting("PREVIEW_FETCH_TIMEOUT", duration, {
    default: 15_000,
    defaultDoc: "15s",
    doc: "Deadline for fetching a preview from the library.",
  }),
  maxRawBytes: setting("MAX_RAW_IMAGE_BYTES", byteSize, {
    default: 30_000_000,
    defaultDoc: "30mb",
    doc: "Largest picture analysed without being stored.",
  }),
  maxRawConcurrent: setting("MAX_RAW_IMAGES", integer(1, 1000), {
    default: 8,
    doc: "Pictures analysed at once without being stored; more are refused with 429.",
  }),
};

/** Values of {@link settings}. */
export type CaptioningConfig = SettingsValues<typeof settings>;
