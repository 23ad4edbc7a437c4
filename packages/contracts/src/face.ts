// Everything of `ocelli.face.v1`, which is spread over one proto file per noun.
export * from "./gen/ocelli/face/v1/face.ts";
// Every generated file has these under the same names; one set is enough.
export {
  type DeepPartial,
  type MessageFns,
  protobufFileName,
  protobufPackage,
} from "./gen/ocelli/face/v1/face.ts";
export * from "./gen/ocelli/face/v1/people.ts";
