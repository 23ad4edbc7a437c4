export * from "./connections.ts";
export * from "./deleted-photos.ts";
export * from "./photo-gone.ts";
export * from "./preview-source.ts";
export * from "./raw-image.ts";
export * from "./settings.ts";
export * from "./stage-consumer.ts";
