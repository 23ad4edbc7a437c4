import { optionalSetting, type SettingsValues, setting, settingTypes, tokenSettings } from "@ocelli/chassis";

const { byteSize, duration, grpcAddress, integer, text } = settingTypes;

function upstream<Name extends string>(name: Name, port: number) {
  return setting(`${name.toUpperCase()}_ADDR`, grpcAddress, {
    default: `127.0.0.1:${port}`,
    doc: `Address of the ${name} service.`,
  });
}

/** Settings of the HTTP gateway. */
export const settings = {
  host: setting("HOST", text(255), {
    default: "127.0.0.1",
    doc: "Address the HTTP server listens on; 0.0.0.0 makes it reachable from other machines.",
  }),
  port: setting("PORT", integer(0, 65_535), {
    default: 8080,
    doc: "Port of the HTTP server; 0 picks a free one.",
  }),
  authAddress: upstream("auth", 7001),
  libraryAddress: upstream("library", 7002),
  captioningAddress: upstream("captioning", 7003),
  faceAddress: upstream("face", 7004),
  sceneAddress: upstream("scene", 7005),
  searchAddress: upstream("search", 7006),
  maxUploadBytes: setting("MAX_UPLOAD_BYTES", byteSize, {
    default: 100_000_000,
    defaultDoc: "100mb",
    doc: "Largest image file accepted.",
  }),
  maxJsonBytes: setting("MAX_JSON_BYTES", byteSize, {
    default: 65_536,
    defaultDoc: "64kib",
    doc: "Largest JSON request body accepted.",
  }),
  requestTimeoutMs: setting("REQUEST_TIMEOUT", duration, {
    default: 15_000,
    defaultDoc: "15s",
    doc: "Deadline of the calls behind an ordinary HTTP request.",
  }),
  uploadTimeoutMs: setting("UPLOAD_TIMEOUT", duration, {
    default: 300_000,
    defaultDoc: "5m",
    doc: "How long one upload or download may take.",
  }),
  classifyTimeoutMs: setting("CLASSIFY_TIMEOUT", duration, {
    default: 120_000,
    defaultDoc: "120s",
    doc: "How long a live stream waits for the last result of a photo.",
  }),
  maxWatchers: setting("MAX_WATCHERS", integer(1, 100_000), {
    default: 2048,
    doc: "Live streams (`/classify`, photo events) open at once; more are refused with 429.",
  }),
  maxActiveDetections: setting("MAX_ACTIVE_DETECTIONS", integer(1, 10_000), {
    default: 32,
    doc: "`/detect/image` requests in hand at once; more are refused with 429.",
  }),
  maxConnections: setting("MAX_CONNECTIONS", integer(1, 100_000), {
    default: 8192,
    doc: "Open client connections; more are dropped.",
  }),
  corsOrigins: optionalSetting("CORS_ORIGINS", text(2000), {
    doc: "Comma-separated origins whose pages may call the API, e.g. https://photos.example.org.",
    defaultDoc: "none",
  }),
  shutdownGraceMs: setting("SHUTDOWN_GRACE", duration, {
    default: 10_000,
    defaultDoc: "10s",
    doc: "How long calls and events in hand may take to finish on shutdown.",
  }),
  ...tokenSettings,
};

/** Values of {@link settings}. */
export type GatewayConfig = SettingsValues<typeof settings>;
