import { callerSettings, type SettingsValues, serviceSettings, setting, settingTypes } from "@ocelli/chassis";

const { byteSize, duration, grpcAddress, integer } = settingTypes;

/** Settings that every service has that analyses stored photos. */
export function analysisSettings<Name extends string>(name: Name, defaultPort: number) {
  const prefix = name.toUpperCase();
  return {
    ...serviceSettings(name, defaultPort),
    ...callerSettings(name),
    libraryAddress: setting("LIBRARY_ADDR", grpcAddress, {
      default: "127.0.0.1:7002",
      doc: "Address of the library service.",
    }),
    concurrency: setting(`${prefix}_CONCURRENCY`, integer(1, 64), {
      default: 2,
      doc: `Photos analysed at once per stage of the ${name} service.`,
    }),
    maxAttempts: setting(`${prefix}_MAX_ATTEMPTS`, integer(1, 20), {
      default: 5,
      doc: `Attempts before a ${name} stage of a photo is FAILED.`,
    }),
    fetchTimeoutMs: setting("PREVIEW_FETCH_TIMEOUT", duration, {
      default: 15_000,
      defaultDoc: "15s",
      doc: "Deadline for fetching a preview from the library.",
    }),
  };
}

/** Settings of services that also analyse pictures which are not stored. */
export const rawImageSettings = {
  maxRawBytes: setting("MAX_RAW_IMAGE_BYTES", byteSize, {
    default: 30_000_000,
    defaultDoc: "30mb",
    doc: "Largest picture analysed without being stored.",
  }),
  maxRawConcurrent: setting("MAX_RAW_IMAGES", integer(1, 1000), {
    default: 8,
    doc: "Pictures analysed at once without being stored; more are refused with 429.",
  }),
  rawReceiveTimeoutMs: setting("RAW_IMAGE_RECEIVE_TIMEOUT", duration, {
    default: 30_000,
    defaultDoc: "30s",
    doc: "How long such a picture may take to arrive; a slow sender would keep others out.",
  }),
};

/** Values of {@link analysisSettings}. */
export type AnalysisConfig = SettingsValues<ReturnType<typeof analysisSettings>>;
/** Values of {@link rawImageSettings}. */
export type RawImageConfig = SettingsValues<typeof rawImageSettings>;
