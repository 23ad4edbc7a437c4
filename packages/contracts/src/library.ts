// Everything of `ocelli.library.v1`, which is spread over one proto file per noun.
export * from "./gen/ocelli/library/v1/albums.ts";
export * from "./gen/ocelli/library/v1/feed.ts";
export * from "./gen/ocelli/library/v1/jobs.ts";
export * from "./gen/ocelli/library/v1/library.ts";
// Every generated file has these under the same names; one set is enough.
export {
  type DeepPartial,
  type MessageFns,
  protobufFileName,
  protobufPackage,
  type ServerStreamingMethodResult,
} from "./gen/ocelli/library/v1/library.ts";
export * from "./gen/ocelli/library/v1/photos.ts";
export * from "./gen/ocelli/library/v1/uploads.ts";
export * from "./gen/ocelli/library/v1/webhooks.ts";
