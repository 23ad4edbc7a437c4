import { type AuthAccess, createRpcClient } from "@ocelli/chassis";
import { captioningV1, faceV1, libraryV1, sceneV1 } from "@ocelli/contracts";
import type { SearchConfig } from "./config.ts";
import { createSources, type Patience, type Sources } from "./sources.ts";

/** Opens the connections over which the index is built anew; nothing is connected before the first call. */
export function connectSources(
  config: Pick<SearchConfig, "libraryAddress" | "captioningAddress" | "faceAddress" | "sceneAddress">,
  { serviceToken }: Pick<AuthAccess, "serviceToken">,
  patience?: Patience,
): { sources: Sources; close(): void } {
  const library = createRpcClient(libraryV1.LibraryServiceDefinition, {
    address: config.libraryAddress,
    serviceToken,
  });
  const captioning = createRpcClient(captioningV1.CaptioningServiceDefinition, {
    address: config.captioningAddress,
    serviceToken,
  });
  const scene = createRpcClient(sceneV1.SceneServiceDefinition, {
    address: config.sceneAddress,
    serviceToken,
  });
  const face = createRpcClient(faceV1.FaceServiceDefinition, { address: config.faceAddress, serviceToken });
  const people = createRpcClient(faceV1.PeopleServiceDefinition, {
    address: config.faceAddress,
    serviceToken,
  });
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
