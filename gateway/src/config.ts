import {
  callerSettings,
  optionalSetting,
  publicUrlSettings,
  requestLoadSettings,
  type SettingsValues,
  setting,
  settingTypes,
  shutdownSettings,
  tokenSettings,
} from "@ocelli/chassis";
import type { ForwardedHeader } from "./client-address.ts";
import type { CookiePolicy } from "./cookies.ts";
import type { RateLimitSettings, RouteClass } from "./rate-limits.ts";
import { cidrList, originList, rateLimit } from "./settings-types.ts";

const { byteSize, duration, grpcAddress, integer, oneOf, text } = settingTypes;

function upstream<Name extends string>(name: Name, port: number) {
  return setting(`${name.toUpperCase()}_ADDR`, grpcAddress, {
    default: `127.0.0.1:${port}`,
    doc: `Address of the ${name} service.`,
  });
}

function limit(name: RouteClass, perMinute: number, what: string) {
  return setting(`RATE_LIMIT_${name.toUpperCase()}`, rateLimit, {
    default: { limit: perMinute, windowMs: 60_000 },
    defaultDoc: `${perMinute}/1m`,
    doc: `${what}; more are refused with 429. \`off\` for no limit. Each gateway counts for itself.`,
  });
}

/** Limits of requests, by class of route. */
const rateLimitSettings = {
  rateLimitAuth: limit("auth", 120, "Requests to `/auth/…`, and wrong API keys, from one address"),
  rateLimitRead: limit("read", 3000, "Reading requests of one user"),
  rateLimitWrite: limit("write", 600, "Changing requests of one user"),
  rateLimitUpload: limit("upload", 2000, "Uploads of one user"),
  rateLimitAnalyze: limit("analyze", 2000, "`/classify` and `/detect` requests of one user"),
  rateLimitSearch: limit("search", 600, "Searches of one user"),
  rateLimitAdmin: limit("admin", 300, "Administrative requests of one user"),
};

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
  ...callerSettings("gateway"),
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
  maxBatchFiles: setting("MAX_BATCH_FILES", integer(1, 1000), {
    default: 500,
    doc: "Files of one `/detect/batch` request.",
  }),
  maxJsonBytes: setting("MAX_JSON_BYTES", byteSize, {
    default: 65_536,
    defaultDoc: "64kib",
    doc: "Largest JSON request body accepted.",
  }),
  requestTimeoutMs: setting("REQUEST_TIMEOUT", duration, {
    default: 15_000,
    defaultDoc: "15s",
    doc: "How long an ordinary HTTP request may take, with all the calls behind it.",
  }),
  partialResultTimeoutMs: setting("PARTIAL_RESULT_TIMEOUT", duration, {
    default: 2_000,
    defaultDoc: "2s",
    doc: "How long `GET /photos/{id}` waits for the results of one service before it answers without them.",
  }),
  ...requestLoadSettings,
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
    doc: "Live streams (`/classify`, server-sent events, WebSockets) open at once; more are refused with 429.",
  }),
  maxActiveDetections: setting("MAX_ACTIVE_DETECTIONS", integer(1, 10_000), {
    default: 32,
    doc: "`/detect/image` requests in hand at once; more are refused with 429.",
  }),
  maxWatchersPerUser: optionalSetting("MAX_WATCHERS_PER_USER", integer(1, 100_000), {
    doc: "Live streams that one user may have open at once.",
    defaultDoc: "half of MAX_WATCHERS",
  }),
  maxDetectionsPerUser: optionalSetting("MAX_DETECTIONS_PER_USER", integer(1, 10_000), {
    doc: "`/detect/image` requests that one user may have in hand at once.",
    defaultDoc: "half of MAX_ACTIVE_DETECTIONS",
  }),
  maxConnections: setting("MAX_CONNECTIONS", integer(1, 100_000), {
    default: 8192,
    doc: "Open client connections; more are dropped.",
  }),
  corsOrigins: setting("CORS_ORIGINS", originList, {
    default: [],
    defaultDoc: "none",
    doc: "Comma-separated origins whose pages may call the API, e.g. https://photos.example.org. Each is named exactly; `*` is refused.",
  }),
  ...publicUrlSettings,
  trustedProxies: setting("TRUSTED_PROXIES", cidrList, {
    default: [],
    defaultDoc: "none",
    doc: "Comma-separated addresses or ranges of proxies whose word on the client's address is believed, e.g. 10.0.0.0/8. Without them all requests through a proxy share the limits of its address.",
  }),
  forwardedHeader: setting<ForwardedHeader>("FORWARDED_HEADER", oneOf(["x-forwarded-for", "forwarded"]), {
    default: "x-forwarded-for",
    doc: "Header in which trusted proxies name the client's address: x-forwarded-for or forwarded (RFC 7239). The other one is ignored.",
  }),
  sessionCookies: setting<CookiePolicy["mode"]>("SESSION_COOKIES", oneOf(["secure", "insecure", "off"]), {
    default: "secure",
    doc: "Session cookies for browsers that ask for them at login: secure (https, and localhost), insecure (plain http), or off.",
  }),
  ...rateLimitSettings,
  ...shutdownSettings,
  ...tokenSettings,
};

/** Values of {@link settings}. */
export type GatewayConfig = SettingsValues<typeof settings>;

/** The limits of a configuration by class. */
export function rateLimitsOf(config: GatewayConfig): RateLimitSettings {
  return {
    auth: config.rateLimitAuth,
    read: config.rateLimitRead,
    write: config.rateLimitWrite,
    upload: config.rateLimitUpload,
    analyze: config.rateLimitAnalyze,
    search: config.rateLimitSearch,
    admin: config.rateLimitAdmin,
  };
}
