import type { MessageFns } from "./gen/ocelli/events/v1/events.ts";
import {
  AlbumChanged,
  AlbumPhotosChanged,
  ApiKeyRevoked,
  FeedAppended,
  JobFinished,
  PersonChanged,
  PhotoCaptioned,
  PhotoChanged,
  PhotoClassified,
  PhotoDeleted,
  PhotoEmbedded,
  PhotoFacesScanned,
  PhotoGrouped,
  PhotoIndexed,
  PhotoReady,
  PhotoStageFailed,
  PhotoStagesRequested,
  PhotosPeopleChanged,
  PhotoTextRead,
  ServiceAccountRevoked,
  SessionRevoked,
  UserCreated,
  UserDeleted,
  UserDisabled,
  UserDispossessed,
  UserEnabled,
} from "./gen/ocelli/events/v1/events.ts";

/** One kind of event: its subject on the bus and the protobuf message it carries. */
export interface EventType<T> {
  /** `ocelli.<service>.<noun>.<verb>`. */
  readonly subject: string;
  readonly message: Pick<MessageFns<T>, "encode" | "decode" | "fromPartial">;
}

function eventType<T>(subject: string, message: EventType<T>["message"]): EventType<T> {
  return { subject, message };
}

/** Every event of the mesh. */
export const events = {
  userCreated: eventType("ocelli.auth.user.created", UserCreated),
  userDeleted: eventType("ocelli.auth.user.deleted", UserDeleted),
  userDispossessed: eventType("ocelli.auth.user.dispossessed", UserDispossessed),
  userDisabled: eventType("ocelli.auth.user.disabled", UserDisabled),
  userEnabled: eventType("ocelli.auth.user.enabled", UserEnabled),
  sessionRevoked: eventType("ocelli.auth.session.revoked", SessionRevoked),
  apiKeyRevoked: eventType("ocelli.auth.key.revoked", ApiKeyRevoked),
  serviceAccountRevoked: eventType("ocelli.auth.account.revoked", ServiceAccountRevoked),
  photoReady: eventType("ocelli.library.photo.ready", PhotoReady),
  photoDeleted: eventType("ocelli.library.photo.deleted", PhotoDeleted),
  photoChanged: eventType("ocelli.library.photo.changed", PhotoChanged),
  photoStagesRequested: eventType("ocelli.library.photo.requested", PhotoStagesRequested),
  albumChanged: eventType("ocelli.library.album.changed", AlbumChanged),
  albumPhotosChanged: eventType("ocelli.library.album.filled", AlbumPhotosChanged),
  jobFinished: eventType("ocelli.library.job.finished", JobFinished),
  feedAppended: eventType("ocelli.library.feed.appended", FeedAppended),
  photoClassified: eventType("ocelli.scene.photo.classified", PhotoClassified),
  photoCaptioned: eventType("ocelli.captioning.photo.captioned", PhotoCaptioned),
  photoTextRead: eventType("ocelli.captioning.photo.read", PhotoTextRead),
  photoFacesScanned: eventType("ocelli.face.photo.scanned", PhotoFacesScanned),
  photoGrouped: eventType("ocelli.face.photo.grouped", PhotoGrouped),
  photosPeopleChanged: eventType("ocelli.face.photos.changed", PhotosPeopleChanged),
  personChanged: eventType("ocelli.face.person.changed", PersonChanged),
  photoEmbedded: eventType("ocelli.search.photo.embedded", PhotoEmbedded),
  photoIndexed: eventType("ocelli.search.photo.indexed", PhotoIndexed),
} as const;

/** The event with which a service says that a stage gave up on a photo. */
export function photoStageFailed(service: string): EventType<PhotoStageFailed> {
  return eventType(`ocelli.${service}.photo.failed`, PhotoStageFailed);
}

/** True for the subjects made by {@link photoStageFailed}. */
export function isStageFailedSubject(subject: string): boolean {
  return /^ocelli\.[a-z]+\.photo\.failed$/.test(subject);
}
