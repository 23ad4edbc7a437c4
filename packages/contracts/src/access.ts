import { ApiKeyServiceDefinition } from "./gen/ocelli/auth/v1/api_keys.ts";
import { AuditServiceDefinition } from "./gen/ocelli/auth/v1/audit.ts";
import { AuthServiceDefinition } from "./gen/ocelli/auth/v1/auth.ts";
import { OidcServiceDefinition } from "./gen/ocelli/auth/v1/oidc.ts";
import { ServiceAccountServiceDefinition } from "./gen/ocelli/auth/v1/service_accounts.ts";
import { TwoFactorServiceDefinition } from "./gen/ocelli/auth/v1/two_factor.ts";
import { UserServiceDefinition } from "./gen/ocelli/auth/v1/users.ts";
import { CaptioningServiceDefinition } from "./gen/ocelli/captioning/v1/captioning.ts";
import { FaceServiceDefinition } from "./gen/ocelli/face/v1/face.ts";
import { PeopleServiceDefinition } from "./gen/ocelli/face/v1/people.ts";
import { AlbumServiceDefinition } from "./gen/ocelli/library/v1/albums.ts";
import { FeedServiceDefinition } from "./gen/ocelli/library/v1/feed.ts";
import { JobServiceDefinition } from "./gen/ocelli/library/v1/jobs.ts";
import { LibraryServiceDefinition } from "./gen/ocelli/library/v1/library.ts";
import { PhotoServiceDefinition } from "./gen/ocelli/library/v1/photos.ts";
import { UploadServiceDefinition } from "./gen/ocelli/library/v1/uploads.ts";
import { WebhookServiceDefinition } from "./gen/ocelli/library/v1/webhooks.ts";
import { SceneServiceDefinition } from "./gen/ocelli/scene/v1/scene.ts";
import { DuplicateServiceDefinition } from "./gen/ocelli/search/v1/duplicates.ts";
import { IndexServiceDefinition } from "./gen/ocelli/search/v1/index.ts";
import { SearchServiceDefinition } from "./gen/ocelli/search/v1/search.ts";
import { SmartAlbumServiceDefinition } from "./gen/ocelli/search/v1/smart_albums.ts";

/**
 * What a token may be used for. A session holds them all (`admin` for administrators only); API keys and service
 * accounts hold those they were made with.
 */
export const scopes = [
  "photos:read",
  "photos:write",
  "analyze",
  "search",
  "people",
  "profile",
  "admin",
] as const;

/** See {@link scopes}. */
export type Scope = (typeof scopes)[number];

/**
 * Who may call a method: `public` everybody; `session` a user who logged in, not an API key; `service` Ocelli's own
 * services; a scope: a token that holds it.
 */
export type Access = "public" | "session" | "service" | Scope;

interface Definition {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, { readonly name: string }>>;
}

type Rules<D extends Definition> = { readonly [Method in keyof D["methods"]]: Access };

/** One line per method: a method without its line does not compile. */
const rules = [
  accessOf(AuthServiceDefinition, {
    signUp: "public",
    login: "public",
    refresh: "public",
    logout: "public",
    getJwks: "public",
    issueServiceToken: "public",
    exchangeApiKey: "public",
    requestPasswordReset: "public",
    resetPassword: "public",
    verifyEmail: "public",
    listRevocations: "service",
    getCurrentUser: "profile",
    listSessions: "session",
    revokeSession: "session",
    revokeOtherSessions: "session",
    changePassword: "session",
    requestEmailVerification: "session",
    changeEmail: "session",
  }),
  accessOf(UserServiceDefinition, {
    getUser: "profile",
    updateUser: "profile",
    findUser: "photos:write",
    listUsers: "admin",
    createUser: "admin",
    deleteUser: "session",
    endUserSessions: "admin",
  }),
  accessOf(ApiKeyServiceDefinition, {
    createApiKey: "session",
    listApiKeys: "session",
    deleteApiKey: "session",
  }),
  accessOf(ServiceAccountServiceDefinition, {
    createServiceAccount: "admin",
    listServiceAccounts: "admin",
    deleteServiceAccount: "admin",
  }),
  accessOf(TwoFactorServiceDefinition, {
    beginTwoFactor: "session",
    confirmTwoFactor: "session",
    disableTwoFactor: "session",
    replaceRecoveryCodes: "session",
    getTwoFactor: "session",
  }),
  accessOf(OidcServiceDefinition, {
    getOidc: "public",
    beginOidc: "public",
    finishOidc: "public",
    listIdentities: "session",
    unlinkIdentity: "session",
  }),
  accessOf(AuditServiceDefinition, { listAudit: "admin", listActivity: "profile" }),
  accessOf(LibraryServiceDefinition, {
    uploadPhoto: "photos:write",
    getPhoto: "photos:read",
    listPhotos: "photos:read",
    downloadPhoto: "photos:read",
    fetchForAnalysis: "service",
    listPhotosForIndex: "service",
    listAlbumsForIndex: "service",
    getUsage: "profile",
    getUserUsage: "admin",
    setQuota: "admin",
  }),
  accessOf(PhotoServiceDefinition, {
    getPhotos: "photos:read",
    updatePhoto: "photos:write",
    changePhotos: "photos:write",
    emptyTrash: "photos:write",
    findExisting: "photos:read",
    validatePhoto: "photos:write",
  }),
  accessOf(AlbumServiceDefinition, {
    createAlbum: "photos:write",
    getAlbum: "photos:read",
    listAlbums: "photos:read",
    updateAlbum: "photos:write",
    deleteAlbum: "photos:write",
    addAlbumPhotos: "photos:write",
    removeAlbumPhotos: "photos:write",
    shareAlbum: "photos:write",
    unshareAlbum: "photos:write",
    listAlbumShares: "photos:read",
    createAlbumLink: "photos:write",
    listAlbumLinks: "photos:read",
    deleteAlbumLink: "photos:write",
    // Visitors have no account; the secret of the link, then the visit, is their proof.
    openAlbumLink: "public",
    getLinkedAlbum: "public",
    downloadLinkedPhoto: "public",
  }),
  accessOf(JobServiceDefinition, {
    createJob: "photos:write",
    getJob: "photos:read",
    listJobs: "photos:read",
    listJobItems: "photos:read",
    cancelJob: "photos:write",
    retryJob: "photos:write",
  }),
  accessOf(FeedServiceDefinition, { listFeed: "photos:read" }),
  accessOf(WebhookServiceDefinition, {
    createWebhook: "photos:write",
    listWebhooks: "photos:read",
    deleteWebhook: "photos:write",
    testWebhook: "photos:write",
    listWebhookDeliveries: "photos:read",
    retryWebhookDelivery: "photos:write",
  }),
  accessOf(UploadServiceDefinition, {
    createUpload: "photos:write",
    getUpload: "photos:write",
    appendUpload: "photos:write",
    finishUpload: "photos:write",
    deleteUpload: "photos:write",
  }),
  accessOf(CaptioningServiceDefinition, {
    getCaption: "photos:read",
    getText: "photos:read",
    captionImage: "analyze",
  }),
  accessOf(FaceServiceDefinition, { listPhotoFaces: "photos:read", detectFaces: "analyze" }),
  accessOf(SceneServiceDefinition, {
    getScene: "photos:read",
    classifyImage: "analyze",
    detectObjects: "analyze",
  }),
  accessOf(PeopleServiceDefinition, {
    listPeople: "people",
    getPerson: "people",
    createPerson: "people",
    updatePerson: "people",
    deletePerson: "people",
    exportPerson: "people",
    listPersonPhotos: "people",
    listFaces: "people",
    getFace: "people",
    getFaceCrop: "people",
    assignFaces: "people",
    rejectFace: "people",
    unrejectFace: "people",
    mergePeople: "people",
    undoMerge: "people",
    listMerges: "people",
    listSuggestions: "people",
    answerSuggestion: "people",
    searchFaces: "people",
    regroupFaces: "people",
    getRegrouping: "people",
    getFaceSettings: "people",
    // Turning recognition on is the owner's consent, turning it off deletes: neither is a key's to say.
    updateFaceSettings: "session",
  }),
  accessOf(SearchServiceDefinition, {
    search: "search",
    findSimilar: "search",
    searchByImage: "search",
    suggest: "search",
    listMemories: "search",
  }),
  accessOf(DuplicateServiceDefinition, {
    listDuplicates: "search",
    keepDuplicates: "photos:write",
    unkeepDuplicates: "photos:write",
  }),
  accessOf(SmartAlbumServiceDefinition, {
    createSmartAlbum: "photos:write",
    getSmartAlbum: "search",
    listSmartAlbums: "search",
    updateSmartAlbum: "photos:write",
    deleteSmartAlbum: "photos:write",
    listSmartAlbumPhotos: "search",
  }),
  accessOf(IndexServiceDefinition, {
    startReindex: "admin",
    listIndexModels: "admin",
    activateModel: "admin",
    dropModel: "admin",
    compareModels: "admin",
    startRebuild: "admin",
    getRebuild: "admin",
  }),
];

/** Access of every method by its path, e.g. `/ocelli.auth.v1.AuthService/Login`. What is not here nobody may call. */
export const accessByPath: ReadonlyMap<string, Access> = new Map(rules.flat());

function accessOf<D extends Definition>(definition: D, access: Rules<D>): Array<[string, Access]> {
  return Object.entries<Access>(access).map(([method, rule]) => {
    const name = definition.methods[method]?.name;
    if (!name) throw new Error(`${definition.fullName} has no method ${method}`);
    return [`/${definition.fullName}/${name}`, rule];
  });
}
