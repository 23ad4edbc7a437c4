import type { ServiceHost } from "@ocelli/chassis";
import type { eventsV1, libraryV1 } from "@ocelli/contracts";
import { type PhotoRebuild, rebuildPhoto } from "./rebuild-photo.ts";
import { findKnownPhotos } from "./store/rebuilt-documents.ts";
import { findAlbumRevisions } from "./store/rebuilt-facets.ts";
import type { SearchTables } from "./store/tables.ts";

/** What building a page of photos anew needs. */
export interface PageRebuild extends PhotoRebuild {
  log: ServiceHost<SearchTables>["log"];
  /** Called between photos; throws when somebody else works on the rebuild by now. */
  keepLease(): Promise<void>;
}

/** A photo of a page, complete. */
type Listed = libraryV1.IndexablePhoto & { ready: eventsV1.PhotoReady; ref: eventsV1.PhotoRef };

// Photos whose answers are asked for at once; the models behind the meanings are the bound, not the calls.
const photosAtOnce = 4;
// Events keep coming while the other services are asked; their answers may then be older than what is here.
const maxTries = 5;

/**
 * Builds the documents of a page of the library's photos anew. What is here is read first and the library is asked again
 * after that, so that its answer is the newer one; photos that events change meanwhile are done again.
 */
export async function rebuildPage(
  deps: PageRebuild,
  pageToken: string,
): Promise<{ documents: number; nextPageToken: string }> {
  const { db, sources, signal, log } = deps;
  const first = await sources.photoPage(pageToken, signal);
  let open = completeOnes(first.photos);
  let documents = 0;
  for (let attempt = 1; open.length > 0 && attempt <= maxTries; attempt++) {
    const refs = open.map(({ ref }) => ref);
    const known = await findKnownPhotos(db, refs);
    const albumRevisions = await findAlbumRevisions(db, [
      ...new Set(open.flatMap(({ albumIds }) => albumIds)),
    ]);
    // Photos that are gone from the page by now are left to the search for documents without a photo.
    const again = completeOnes((await sources.photoPage(pageToken, signal)).photos);
    const changed: Listed[] = [];
    for (let at = 0; at < again.length; at += photosAtOnce) {
      await deps.keepLease();
      await Promise.all(
        again.slice(at, at + photosAtOnce).map(async (listed) => {
          const photo = known.get(listed.ref.photoId);
          if (!photo) return;
          if (await rebuildPhoto(deps, listed, listed.ref, { photo, albumRevisions })) documents += 1;
          else changed.push(listed);
        }),
      );
    }
    open = changed;
  }
  // Whatever changes that often is kept right by its events.
  for (const { ref } of open)
    log.warn({ photoId: ref.photoId }, "a photo changed too often to be built anew");
  return { documents, nextPageToken: first.nextPageToken };
}

function completeOnes(photos: readonly libraryV1.IndexablePhoto[]): Listed[] {
  return photos.flatMap((photo) => {
    const ref = photo.ready?.photo;
    return photo.ready && ref ? { ...photo, ready: photo.ready, ref } : [];
  });
}
