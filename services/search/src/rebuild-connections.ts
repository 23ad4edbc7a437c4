import {
  type AuthAccess,
  createRpcClient,
  createUpstream,
  type Metrics,
  type UpstreamLimits,
} from "@ocelli/chassis";
import { captioningV1, faceV1, libraryV1, sceneV1 } from "@ocelli/contracts";
import type { SearchConfig } from "./config.ts";
import { createSources, type Patience, type Sources } from "./sources.ts";

type SourceAddresses = Pick<
  SearchConfig,
  "libraryAddress" | "captioningAddress" | "faceAddress" | "sceneAddress"
>;

/** Opens the connections over which the index is built anew; nothing is connected before the first call. */
export function connectSources(
  config: SourceAddresses & Partial<UpstreamLimits>,
  { serviceToken, metrics }: Pick<AuthAccess, "serviceToken"> & { readonly metrics?: Metrics },
  patience?: Patience,
): { sources: Sources; close(): void } {
  const to = (name: "library" | "captioning" | "face" | "scene") => ({
    address: config[`${name}Address`],
    serviceToken,
    upstream: createUpstream({ name, limits: config, metrics }),
  });
  const library = createRpcClient(libraryV1.LibraryServiceDefinition, to("library"));
  const captioning = createRpcClient(captioningV1.CaptioningServiceDefinition, to("captioning"));
  const scene = createRpcClient(sceneV1.SceneServiceDefinition, to("scene"));
  // Whatever is asked of the face service counts for all of it.
  const toFace = to("face");
  const face = createRpcClient(faceV1.FaceServiceDefinition, toFace);
  const people = createRpcClient(faceV1.PeopleServiceDefinition, toFace);
  const clients = {
    library: library.client,
    captioning: captioning.client,
    scene: scene.client,
    face: face.client,
    people: people.client,
  };
  return {
    sources: createSources(clients, patience),
    close: () => [library, captioning, scene, face, people].forEach((handle) => void handle.close()),
  };
}
