import {
  createRpcClient,
  createUpstream,
  type Metrics,
  type RpcClient,
  type RpcClientHandle,
  type ServiceTokenSource,
  type Upstream,
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

/** Services behind the gateway. */
export const upstreamNames = ["auth", "library", "captioning", "face", "scene", "search"] as const;

/** See {@link upstreamNames}. */
export type UpstreamName = (typeof upstreamNames)[number];

/** Open connections to the services behind the gateway. */
export interface OpenClients {
  readonly clients: Clients;
  /** How calls to each service do, and how much of the gateway they take. */
  readonly upstreams: Readonly<Record<UpstreamName, Upstream>>;
  close(): void;
}

/** Opens one channel per gRPC service; nothing is connected before the first call. */
export function openClients(
  config: GatewayConfig,
  serviceToken: ServiceTokenSource,
  metrics?: Metrics,
): OpenClients {
  const handles: Array<{ close(): void }> = [];
  // Whatever is asked of a service counts for all of it.
  const upstream = (name: UpstreamName) => createUpstream({ name, limits: config, metrics });
  const upstreams = {
    auth: upstream("auth"),
    library: upstream("library"),
    captioning: upstream("captioning"),
    face: upstream("face"),
    scene: upstream("scene"),
    search: upstream("search"),
  };
  function open<Service extends CompatServiceDefinition & { fullName: string }>(
    definition: Service,
    name: UpstreamName,
  ) {
    const handle: RpcClientHandle<Service> = createRpcClient(definition, {
      address: addressOf(config, name),
      serviceToken,
      defaultDeadlineMs: config.requestTimeoutMs,
      upstream: upstreams[name],
    });
    handles.push(handle);
    return handle.client;
  }
  const clients: Clients = {
    auth: open(authV1.AuthServiceDefinition, "auth"),
    users: open(authV1.UserServiceDefinition, "auth"),
    apiKeys: open(authV1.ApiKeyServiceDefinition, "auth"),
    serviceAccounts: open(authV1.ServiceAccountServiceDefinition, "auth"),
    twoFactor: open(authV1.TwoFactorServiceDefinition, "auth"),
    oidc: open(authV1.OidcServiceDefinition, "auth"),
    audit: open(authV1.AuditServiceDefinition, "auth"),
    library: open(libraryV1.LibraryServiceDefinition, "library"),
    photos: open(libraryV1.PhotoServiceDefinition, "library"),
    uploads: open(libraryV1.UploadServiceDefinition, "library"),
    albums: open(libraryV1.AlbumServiceDefinition, "library"),
    jobs: open(libraryV1.JobServiceDefinition, "library"),
    feed: open(libraryV1.FeedServiceDefinition, "library"),
    webhooks: open(libraryV1.WebhookServiceDefinition, "library"),
    captioning: open(captioningV1.CaptioningServiceDefinition, "captioning"),
    face: open(faceV1.FaceServiceDefinition, "face"),
    people: open(faceV1.PeopleServiceDefinition, "face"),
    scene: open(sceneV1.SceneServiceDefinition, "scene"),
    search: open(searchV1.SearchServiceDefinition, "search"),
    duplicates: open(searchV1.DuplicateServiceDefinition, "search"),
    smartAlbums: open(searchV1.SmartAlbumServiceDefinition, "search"),
    index: open(searchV1.IndexServiceDefinition, "search"),
  };
  return { clients, upstreams, close: () => handles.forEach((handle) => void handle.close()) };
}

/** Where a service is. */
export function addressOf(config: GatewayConfig, name: UpstreamName): string {
  return {
    auth: config.authAddress,
    library: config.libraryAddress,
    captioning: config.captioningAddress,
    face: config.faceAddress,
    scene: config.sceneAddress,
    search: config.searchAddress,
  }[name];
}
