import { optionalSetting, setting, settingTypes } from "@ocelli/chassis";

const { duration, flag, integer, secret } = settingTypes;

/** Settings of feeds and webhooks. */
export const webhookSettings = {
  feedRetentionMs: setting("FEED_RETENTION", duration, {
    default: 86_400_000,
    defaultDoc: "24h",
    doc: "How long live streams and webhooks can catch up on what they missed.",
  }),
  feedMaxEntries: setting("FEED_MAX_ENTRIES", integer(100, 1_000_000), {
    default: 10_000,
    doc: "Entries of one user's feed that are kept at most.",
  }),
  webhooksAllowHttp: setting("WEBHOOKS_ALLOW_HTTP", flag, {
    default: false,
    doc: "Lets users send webhooks over plain http, which anybody on the way can read.",
  }),
  webhooksAllowPrivate: setting("WEBHOOKS_ALLOW_PRIVATE", flag, {
    default: false,
    doc: "Lets users send webhooks to any port of private, loopback and link-local addresses: into the network of this server. Only where all users may reach it anyway.",
  }),
  webhookConcurrency: setting("WEBHOOK_CONCURRENCY", integer(1, 256), {
    default: 16,
    doc: "Webhook deliveries in hand at once, at most 4 per webhook.",
  }),
  keySecret: optionalSetting("LIBRARY_KEY_SECRET", secret, {
    doc: "Encrypts the signing secrets of webhooks in the store. Without it they can be read there, for they are needed to sign. The same for all replicas; secrets stored before stay as they were.",
    confidential: true,
  }),
};
