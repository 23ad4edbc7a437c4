/** Everything `ocelli serve` can run. */
export const serviceNames = ["gateway", "auth", "library", "captioning", "face", "scene", "search"] as const;

/** One of {@link serviceNames}. */
export type ServiceName = (typeof serviceNames)[number];
