import {
  createRpcClient,
  type RpcClient,
  type RpcClientHandle,
  type ServiceTokenSource,
} from "@ocelli/chassis";
import { authV1, captioningV1, faceV1, libraryV1, sceneV1, searchV1 } from "@ocelli/contracts";
import type { CompatServiceDefinition } from "nice-grpc";
import type { GatewayConfig } from "./config.ts";

/** Typed clients of every service behind the gateway. */
export interface Clients {
  readonly auth: RpcClient<typeof authV1.AuthServiceDefinition>;
  readonly users: RpcClient<typeof authV1.UserServiceDefinition>;
  readonly apiKeys: RpcClient<typeof authV1.ApiKeyServiceDefinition>;
  readonly serviceAccounts: RpcClient<typeof authV1.ServiceAccountServiceDefinition>;
  readonly twoFactor: RpcClient<typeof authV1.TwoFactorServiceDefinition>;
  readonly oidc: RpcClient<typeof authV1.OidcServiceDefinition>;
  readonly audit: RpcClient<typeof authV1.AuditServiceDefinition>;
  readonly library: RpcClient<typeof libraryV1.LibraryServiceDefinition>;
  readonly photos: RpcClient<typeof libraryV1.PhotoServiceDefinition>;
  readonly uploads: RpcClient<typeof libraryV1.UploadServiceDefinition>;
  readonly albums: RpcClient<typeof libraryV1.AlbumServiceDefinition>;
  readonly jobs: RpcClient<typeof libraryV1.JobServiceDefinition>;
  readonly feed: RpcClient<typeof libraryV1.FeedServiceDefinition>;
  readonly webhooks: RpcClient<typeof libraryV1.WebhookServiceDefinition>;
  readonly captioning: RpcClient<typeof captioningV1.CaptioningServiceDefinition>;
  readonly face: RpcClient<typeof faceV1.FaceServiceDefinition>;
  readonly people: RpcClient<typeof faceV1.PeopleServiceDefinition>;
  readonly scene: RpcClient<typeof sceneV1.SceneServiceDefinition>;
  readonly search: RpcClient<typeof searchV1.SearchServiceDefinition>;
  readonly duplicates: RpcClient<typeof searchV1.DuplicateServiceDefinition>;
  readonly smartAlbums: RpcClient<typeof searchV1.SmartAlbumServiceDefinition>;
  readonly index: RpcClient<typeof searchV1.IndexServiceDefinition>;
}

/** Opens one channel per service; nothing is connected before the first call. */
export function openClients(
  config: GatewayConfig,
  serviceToken: ServiceTokenSource,
): { clients: Clients; close(): void } {
  const handles: Array<{ close(): void }> = [];
  function open<Service extends CompatServiceDefinition>(definition: Service, address: string) {
    const handle: RpcClientHandle<Service> = createRpcClient(definition, {
      address,
      serviceToken,
      defaultDeadlineMs: config.requestTimeoutMs,
    });
    handles.push(handle);
    return handle.client;
  }
  const clients: Clients = {
    auth: open(authV1.AuthServiceDefinition, config.authAddress),
    users: open(authV1.UserServiceDefinition, config.authAddress),
    apiKeys: open(authV1.ApiKeyServiceDefinition, config.authAddress),
    serviceAccounts: open(authV1.ServiceAccountServiceDefinition, config.authAddress),
    twoFactor: open(authV1.TwoFactorServiceDefinition, config.authAddress),
    oidc: open(authV1.OidcServiceDefinition, config.authAddress),
    audit: open(authV1.AuditServiceDefinition, config.authAddress),
    library: open(libraryV1.LibraryServiceDefinition, config.libraryAddress),
    photos: open(libraryV1.PhotoServiceDefinition, config.libraryAddress),
    uploads: open(libraryV1.UploadServiceDefinition, config.libraryAddress),
    albums: open(libraryV1.AlbumServiceDefinition, config.libraryAddress),
    jobs: open(libraryV1.JobServiceDefinition, config.libraryAddress),
    feed: open(libraryV1.FeedServiceDefinition, config.libraryAddress),
    webhooks: open(libraryV1.WebhookServiceDefinition, config.libraryAddress),
    captioning: open(captioningV1.CaptioningServiceDefinition, config.captioningAddress),
    face: open(faceV1.FaceServiceDefinition, config.faceAddress),
    people: open(faceV1.PeopleServiceDefinition, config.faceAddress),
    scene: open(sceneV1.SceneServiceDefinition, config.sceneAddress),
    search: open(searchV1.SearchServiceDefinition, config.searchAddress),
    duplicates: open(searchV1.DuplicateServiceDefinition, config.searchAddress),
    smartAlbums: open(searchV1.SmartAlbumServiceDefinition, config.searchAddress),
    index: open(searchV1.IndexServiceDefinition, config.searchAddress),
  };
  return { clients, close: () => handles.forEach((handle) => void handle.close()) };
}
