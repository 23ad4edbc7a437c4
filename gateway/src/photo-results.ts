import { AppError } from "@ocelli/chassis";
import { Status } from "nice-grpc";
import type { Clients } from "./clients.ts";
import type { callOptions } from "./context.ts";
import { required } from "./views/required.ts";
import {
  toCaptionView,
  toColorView,
  toFaceView,
  toObjectView,
  toSceneView,
  toTextView,
} from "./views/results.ts";

/** Options of the calls made for a result. */
export type ResultCallOptions = ReturnType<typeof callOptions>;

/** Fetches each result of a stored photo in the shape clients see; NOT_FOUND means that it does not exist yet. */
export interface PhotoResults {
  caption(photoId: string, options: ResultCallOptions): Promise<ReturnType<typeof toCaptionView>>;
  text(photoId: string, options: ResultCallOptions): Promise<ReturnType<typeof toTextView>>;
  faces(photoId: string, options: ResultCallOptions): Promise<Array<ReturnType<typeof toFaceView>>>;
  scene(photoId: string, options: ResultCallOptions): Promise<SceneViews>;
}

/** The three results of the scene service. */
export interface SceneViews {
  scene: ReturnType<typeof toSceneView>;
  objects: Array<ReturnType<typeof toObjectView>>;
  colors: Array<ReturnType<typeof toColorView>>;
}

/** Creates the fetchers over the services' clients. */
export function createPhotoResults(clients: Clients): PhotoResults {
  return {
    async caption(photoId, options) {
      const answer = await clients.captioning.getCaption({ photoId }, options);
      return toCaptionView(required(answer.caption, "caption"), answer.provenance?.model ?? "");
    },
    async text(photoId, options) {
      return toTextView((await clients.captioning.getText({ photoId }, options)).lines);
    },
    async faces(photoId, options) {
      return (await clients.face.listPhotoFaces({ photoId }, options)).faces.map(toFaceView);
    },
    async scene(photoId, options) {
      const answer = await clients.scene.getScene({ photoId }, options);
      return toSceneViews(required(answer.scene, "scene"));
    },
  };
}

/** Splits what the scene service says into the three results clients know. */
export function toSceneViews(scene: Parameters<typeof toSceneView>[0]): SceneViews {
  return {
    scene: toSceneView(scene),
    objects: scene.objects.map(toObjectView),
    colors: scene.colors.map(toColorView),
  };
}

/**
 * A result, or `null` while there is none. A service that cannot answer is reported and does not fail the whole: what
 * the others know is worth showing.
 */
export async function orUnavailable<T>(
  service: string,
  result: Promise<T>,
  report: (service: string, error: AppError) => void,
): Promise<T | null> {
  try {
    return await result;
  } catch (error) {
    const appError = AppError.from(error);
    if (appError.code !== Status.NOT_FOUND) report(service, appError);
    return null;
  }
}
