import { randomUUID } from "node:crypto";
import { AppError, createRpcClient } from "@ocelli/chassis";
import { authV1, captioningV1, faceV1, libraryV1, sceneV1, searchV1 } from "@ocelli/contracts";
import { Status } from "nice-grpc";
import type { OcelliProcess } from "./ocelli-process.ts";

/** Names of the services. */
export type ServiceName = "auth" | "library" | "captioning" | "face" | "scene" | "search";

/** `host:port` of a service within `ocelli up`. */
export function grpcAddress(ocelli: OcelliProcess, service: ServiceName): string {
  const address = new RegExp(`gRPC:.*\\b${service} (\\S+?:\\d+)`).exec(ocelli.output())?.[1];
  if (!address) throw new Error(`no address of ${service} in:\n${ocelli.output()}`);
  return address;
}

/** Clients of every service, as somebody outside has them. */
export interface GrpcServices {
  /** How each service ends one reading call with a token: `OK`, or status and reason. */
  outcomes(bearer: string): Promise<Record<ServiceName, string>>;
  readonly auth: ReturnType<typeof openAuth>["client"];
  close(): void;
}

/** Opens clients; `address` tells where each service is. */
export function openServices(address: (service: ServiceName) => string): GrpcServices {
  const auth = openAuth(address("auth"));
  const library = createRpcClient(libraryV1.LibraryServiceDefinition, { address: address("library") });
  const captioning = createRpcClient(captioningV1.CaptioningServiceDefinition, {
    address: address("captioning"),
  });
  const face = createRpcClient(faceV1.FaceServiceDefinition, { address: address("face") });
  const scene = createRpcClient(sceneV1.SceneServiceDefinition, { address: address("scene") });
  const search = createRpcClient(searchV1.SearchServiceDefinition, { address: address("search") });
  return {
    auth: auth.client,
    async outcomes(bearer) {
      const photoId = randomUUID();
      const options = { bearer };
      const [one, two, three, four, five, six] = await Promise.all([
        outcomeOfCall(auth.client.getCurrentUser({}, options)),
        outcomeOfCall(library.client.listPhotos({ pageSize: 1, pageToken: "" }, options)),
        outcomeOfCall(captioning.client.getCaption({ photoId }, options)),
        outcomeOfCall(face.client.listPhotoFaces({ photoId }, options)),
        outcomeOfCall(scene.client.getScene({ photoId }, options)),
        outcomeOfCall(search.client.search({ query: "a cat", pageSize: 1, pageToken: "" }, options)),
      ]);
      return { auth: one, library: two, captioning: three, face: four, scene: five, search: six };
    },
    close() {
      for (const each of [auth, library, captioning, face, scene, search]) each.close();
    },
  };
}

/** How a call ended: `OK`, or status and reason, e.g. `UNAUTHENTICATED TOKEN_REVOKED`. */
export async function outcomeOfCall(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "OK";
  } catch (error) {
    const { code, reason } = AppError.from(error);
    return `${Status[code]} ${reason}`;
  }
}

/** What {@link GrpcServices.outcomes} gives for a user's good token: photos of random ids do not exist. */
export const welcome: Record<ServiceName, string> = {
  auth: "OK",
  library: "OK",
  captioning: "NOT_FOUND CAPTION_NOT_FOUND",
  face: "NOT_FOUND FACES_NOT_FOUND",
  scene: "NOT_FOUND SCENE_NOT_FOUND",
  search: "OK",
};

/** The same outcome of every service. */
export function everywhere(outcome: string): Record<ServiceName, string> {
  const names: ServiceName[] = ["auth", "library", "captioning", "face", "scene", "search"];
  return Object.fromEntries(names.map((name) => [name, outcome])) as Record<ServiceName, string>; // all names
}

function openAuth(address: string) {
  return createRpcClient(authV1.AuthServiceDefinition, { address });
}
