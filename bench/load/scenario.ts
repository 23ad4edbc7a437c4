import type { Picture } from "../pictures.ts";

/** One kind of request of the mix. */
export interface RequestKind {
  readonly name: string;
  /** Share of all requests; shares add up to 1. */
  readonly share: number;
  /** An answer after this is no use to anybody. */
  readonly patienceMs: number;
  /** Makes the next request of this kind. */
  make(user: LoadUser): LoadRequest;
}

/** A request as the generator sends it. */
export interface LoadRequest {
  method: "GET" | "POST";
  path: string;
  headers?: Record<string, string>;
  body?: Uint8Array;
}

/** A user of the load, with photos. */
export interface LoadUser {
  readonly token: string;
  readonly photoIds: readonly string[];
}

/** A browsing front-end asks for this much at most before its user gives up. */
const readPatienceMs = 5_000;
const writePatienceMs = 15_000;
const queries = ["cup of coffee", "kitten", "two people", "a man in a suit", "night", "rocket", "green"];

/**
 * The mix of a photo application in use: people look through lists, open photos, search, now and then somebody uploads, and
 * very few ask for an analysis at once.
 */
export function createScenario(pictures: Iterator<Picture>, random: () => number): RequestKind[] {
  const one = <T>(list: readonly T[]): T => {
    const chosen = list[Math.floor(random() * list.length)];
    if (chosen === undefined) throw new Error("nothing to choose from");
    return chosen;
  };
  const read = (name: string, share: number, path: (user: LoadUser) => string): RequestKind => ({
    ...{ name, share, patienceMs: readPatienceMs },
    make: (user) => ({ method: "GET", path: path(user) }),
  });
  const send = (name: string, share: number, path: string): RequestKind => ({
    ...{ name, share, patienceMs: writePatienceMs },
    make: () => {
      const next = pictures.next();
      if (next.done) throw new Error("no pictures are left");
      return { method: "POST", path, ...multipartOf(next.value) };
    },
  });
  return [
    read("list", 0.2, () => "/photos?pageSize=50"),
    read("photo", 0.3, (user) => `/photos/${one(user.photoIds)}`),
    read("thumbnail", 0.27, (user) => `/photos/${one(user.photoIds)}/thumbnail`),
    read("search", 0.2, () => `/search?q=${encodeURIComponent(one(queries))}`),
    send("upload", 0.02, "/photos"),
    send("classify", 0.01, "/classify"),
  ];
}

/** Kinds of the mix, drawn by their shares. */
export function drawKind(kinds: readonly RequestKind[], random: () => number): RequestKind {
  let rest = random();
  for (const kind of kinds) {
    rest -= kind.share;
    if (rest < 0) return kind;
  }
  // What rounding leaves.
  const last = kinds.at(-1);
  if (!last) throw new Error("the mix is empty");
  return last;
}

const boundary = "ocelli-load-boundary";

function multipartOf({ name, bytes }: Picture): Required<Pick<LoadRequest, "headers" | "body">> {
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\ncontent-type: image/jpeg\r\n\r\n`;
  return {
    headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
    body: Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  };
}
