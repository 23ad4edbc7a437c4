import { AppError, type Logger } from "@ocelli/chassis";
import { type libraryV1, stages as stageTree } from "@ocelli/contracts";
import { Status } from "nice-grpc";
import type { Clients } from "../clients.ts";
import type { PhotoResults, ResultCallOptions } from "../photo-results.ts";
import { hasEnded, toPhotoView } from "../views/photo.ts";
import { required } from "../views/required.ts";
import { inCompletionOrder } from "./completion-order.ts";
import { doneLine, errorLine, facesLine, type Line, type LineBody, peopleLine, photoLine } from "./lines.ts";
import type { PhotoChange } from "./photo-update.ts";
import type { PhotoWatcher } from "./photo-watch.ts";
import { fetchStageLines, hasFailed } from "./stage-lines.ts";

/** What a live stream of one photo is made from. */
export interface PhotoStreamOptions {
  readonly clients: Pick<Clients, "library">;
  readonly results: PhotoResults;
  /** Whether the reader may know whose the faces are. */
  readonly seesPeople: boolean;
  readonly log: Logger;
  readonly photo: libraryV1.Photo;
  /** Whether the bytes were there before; absent when nothing was uploaded. */
  readonly duplicate?: boolean;
  /** Opened before this stream begins, so that nothing falls between the first look and the first event. */
  readonly watcher: PhotoWatcher;
  readonly callOptions: ResultCallOptions;
  /** `performance.now()` when the request came in. */
  readonly startedAt: number;
  readonly timeoutMs: number;
  /** First and longest wait for an event before the photo's state is asked again. */
  readonly pollMs?: { first: number; longest: number };
  /** Aborted when the client leaves. */
  readonly left: AbortSignal;
  /** Aborted when the process begins to stop. */
  readonly stopping: AbortSignal;
}

// A lost event may delay a result by this much; doubling spares the library when many wait for a long queue.
const defaultPollMs = { first: 2000, longest: 10_000 };
// One look must not hold up the events behind it.
const lookDeadlineMs = 3000;

/**
 * All results of a photo, each once: first those that exist, then each as it comes about, then `done`. Every stage ends
 * in its results or in an `error` line; a stream that ends early says why in an `error` line.
 */
export async function* streamPhoto(options: PhotoStreamOptions): AsyncGenerator<Line> {
  const progress = createProgress(options.photo);
  const stamp = (body: LineBody): Line => ({
    ...body,
    elapsedMs: Math.round((performance.now() - options.startedAt) * 10) / 10,
  });
  const { duplicate } = options;
  yield stamp(
    photoLine({ ...toPhotoView(options.photo), ...(duplicate === undefined ? {} : { duplicate }) }),
  );
  try {
    for await (const line of collect(options, progress)) yield stamp(line);
    yield stamp(doneLine(progress.failed.length === 0 ? "SUCCEEDED" : "FAILED", progress.failed));
  } catch (error) {
    if (options.left.aborted) return;
    const { reason, message } = toEnding(options, error);
    yield stamp(errorLine(reason, message));
    yield stamp(doneLine("INCOMPLETE", progress.failed));
  }
}

/** Which stages have ended, and how. */
interface Progress {
  /** True the first time that a stage of this photo ends. */
  end(stage: string, failed?: boolean): boolean;
  isOpen(stage: string): boolean;
  readonly complete: boolean;
  readonly failed: string[];
}

function createProgress(photo: libraryV1.Photo): Progress {
  const names =
    photo.stages.length > 0 ? photo.stages.map(({ stage }) => stage) : stageTree.map(({ name }) => name);
  const open = new Set(names);
  const failed: string[] = [];
  return {
    end(stage, hasFailed = false) {
      if (!open.delete(stage)) return false;
      if (hasFailed) failed.push(stage);
      return true;
    },
    isOpen: (stage) => open.has(stage),
    get complete() {
      return open.size === 0;
    },
    failed,
  };
}

async function* collect(options: PhotoStreamOptions, progress: Progress): AsyncGenerator<LineBody> {
  const poll = options.pollMs ?? defaultPollMs;
  const deadline = options.startedAt + options.timeoutMs;
  const signal = AbortSignal.any([options.left, options.stopping]);
  let waitMs = poll.first;
  yield* look(options, progress);
  while (!progress.complete) {
    const remainingMs = deadline - performance.now();
    if (remainingMs <= 0) throw timedOut();
    const update = await options.watcher.next(Math.min(waitMs, remainingMs), signal);
    if (update) {
      waitMs = poll.first;
      if (update.kind === "grouped") yield* lookAtPeople(options, progress);
      else yield* apply(update, progress);
    } else {
      waitMs = Math.min(waitMs * 2, poll.longest);
      if (deadline > performance.now()) yield* look(options, progress);
    }
  }
}

function* apply(change: Exclude<PhotoChange, { kind: "grouped" }>, progress: Progress): Generator<LineBody> {
  if (change.kind === "deleted") throw photoGone();
  if (change.kind === "failed") {
    if (progress.end(change.stage, true)) yield errorLine(change.reason, change.message, change.stage);
  } else if (progress.end(change.stage)) {
    yield* change.lines;
  }
}

/** Tells whose the faces are, after the faces themselves. A failure is mended by the next look. */
async function* lookAtPeople(options: PhotoStreamOptions, progress: Progress): AsyncGenerator<LineBody> {
  if (!options.seesPeople) progress.end("people");
  if (!progress.isOpen("people")) return;
  try {
    const call = { ...options.callOptions, deadline: lookDeadlineMs, retry: false };
    const faces = await options.results.faces(options.photo.id, call);
    // The event about the faces may have been lost or overtaken.
    if (progress.end("faces")) yield facesLine(faces);
    if (progress.end("people")) yield peopleLine(faces);
  } catch (error) {
    ignoreUnlessFinal(options, error);
  }
}

/** Asks for the photo's state and fetches the results of stages that ended unseen. */
async function* look(options: PhotoStreamOptions, progress: Progress): AsyncGenerator<LineBody> {
  const callOptions = { ...options.callOptions, deadline: lookDeadlineMs, retry: false };
  let photo: libraryV1.Photo;
  try {
    const answer = await options.clients.library.getPhoto({ photoId: options.photo.id }, callOptions);
    photo = required(answer.photo, "photo");
  } catch (error) {
    return ignoreUnlessFinal(options, error);
  }
  const unseen = photo.stages
    .filter((stage) => progress.isOpen(stage.stage) && hasEnded(stage))
    // Last: it is about the faces, which come first.
    .sort((a, b) => Number(a.stage === "people") - Number(b.stage === "people"));
  const looks = new Map<string, Promise<Seen | undefined>>();
  for (const state of unseen) {
    const before = state.stage === "people" ? looks.get("faces") : undefined;
    looks.set(state.stage, lookAtStage(options, state, { callOptions, before }));
  }
  for await (const seen of inCompletionOrder([...looks.values()])) {
    if (seen && progress.end(seen.stage, seen.failed)) yield* seen.lines;
  }
}

/** A stage that has ended. */
interface Seen {
  readonly stage: string;
  readonly failed: boolean;
  readonly lines: readonly LineBody[];
}

/** `before` has to be seen first; where it is not, neither is this. */
async function lookAtStage(
  options: PhotoStreamOptions,
  state: libraryV1.StageState,
  { callOptions, before }: { callOptions: ResultCallOptions; before: Promise<Seen | undefined> | undefined },
): Promise<Seen | undefined> {
  try {
    const lines = await fetchStageLines(options, state, callOptions);
    if (before && !(await before)) return undefined;
    return { stage: state.stage, failed: hasFailed(state), lines };
  } catch (error) {
    return ignoreUnlessFinal(options, error);
  }
}

/** Only what no later look can mend ends the stream. */
function ignoreUnlessFinal(options: PhotoStreamOptions, error: unknown): undefined {
  const appError = AppError.from(error);
  if (appError.reason === "PHOTO_NOT_FOUND") throw photoGone();
  if (appError.code === Status.UNAUTHENTICATED || appError.code === Status.PERMISSION_DENIED) throw appError;
  if (!options.left.aborted) options.log.debug({ err: error }, "look at photo failed");
  return undefined;
}

function toEnding(options: PhotoStreamOptions, error: unknown): { reason: string; message: string } {
  if (options.stopping.aborted)
    return { reason: "SHUTTING_DOWN", message: "The server is stopping; ask again soon." };
  const appError = AppError.from(error);
  if (appError.code === Status.INTERNAL) options.log.error({ err: error }, "live stream failed");
  return appError;
}

function timedOut(): AppError {
  return new AppError({
    code: Status.DEADLINE_EXCEEDED,
    reason: "TIMEOUT",
    message: "Some results did not come in time; they will be on the photo later.",
  });
}

function photoGone(): AppError {
  return new AppError({
    code: Status.NOT_FOUND,
    reason: "PHOTO_NOT_FOUND",
    message: "The photo was deleted.",
  });
}
