// Everything of `ocelli.search.v1`, which is spread over one proto file per noun.
export * from "./gen/ocelli/search/v1/duplicates.ts";
export * from "./gen/ocelli/search/v1/index.ts";
export * from "./gen/ocelli/search/v1/search.ts";
// Every generated file has these under the same names; one set is enough.
export {
  type DeepPartial,
  type MessageFns,
  protobufFileName,
  protobufPackage,
} from "./gen/ocelli/search/v1/search.ts";
export * from "./gen/ocelli/search/v1/smart_albums.ts";
