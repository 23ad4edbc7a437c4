export * from "./preview-source.ts";
export * from "./raw-image.ts";
export * from "./stage-consumer.ts";
