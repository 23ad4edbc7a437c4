import { stages as stageTree } from "@ocelli/contracts";
import { type Evidence, resultTables, type SeenUser } from "./evidence.ts";
import type { RecordedPhoto, Recorder } from "./recorder.ts";

/** What the invariants are judged by, beside the evidence. */
export type Recorded = Pick<Recorder, "photos" | "jobs" | "people" | "sent" | "planted">;

/** Every way in which a run has broken a promise, each in a sentence; empty when all of them were kept. */
export function violations(evidence: Evidence, recorded: Recorded): string[] {
  return [
    ...evidence.users.flatMap((user, owner) => ofUser(user, owner, recorded)),
    ...ofResults(evidence),
    ...ofTelling(evidence, recorded),
    ...ofEvents(evidence, recorded),
    ...ofSearch(evidence, recorded),
    ...ofFiles(evidence),
    ...evidence.counts.flatMap(({ what, counted, there }) =>
      counted === there ? [] : [`${what}: ${counted} are counted, ${there} are there`],
    ),
    ...evidence.open.map((what) => `not ended: ${what}`),
  ];
}

/** Ids of all photos that are there. */
function living({ users }: Evidence): Set<string> {
  return new Set(users.flatMap(({ photos }) => photos.map(({ id }) => id)));
}

function ofUser(user: SeenUser, owner: number, recorded: Recorded): string[] {
  const own = [...recorded.photos.values()].filter((photo) => photo.owner === owner);
  const ids = new Set(user.photos.map(({ id }) => id));
  return [
    ...own.flatMap((photo) =>
      photo.fate === "kept" && !ids.has(photo.id) ? [`photo ${photo.id} is lost`] : [],
    ),
    ...own.flatMap((photo) =>
      photo.fate === "deleted" && ids.has(photo.id) ? [`photo ${photo.id} is back`] : [],
    ),
    ...[...user.deleted].flatMap(([id, status]) =>
      status === 404 ? [] : [`deleted photo ${id} answers ${status}`],
    ),
    ...user.photos.flatMap((photo) => ofPhoto(photo, recorded)),
    ...repeated(user.photos.map(({ sha256 }) => sha256)).map(
      (sha256) => `the bytes ${sha256} are there twice`,
    ),
    ...repeated(user.found).map((id) => `photo ${id} is found twice`),
    ...differences(ids, new Set(user.found)).map(
      (id) => `photo ${id} is not in what is found, or only there`,
    ),
    ...ofJobs(user, owner, recorded),
    ...[...recorded.people.values()].flatMap(({ id, owner: whose, names }) => {
      const name = user.names.get(id);
      return whose !== owner || names.has(name ?? "") ? [] : [`person ${id} is called ${name}`];
    }),
  ];
}

function ofPhoto(
  { id, sha256, title, stages, original }: SeenUser["photos"][number],
  recorded: Recorded,
): string[] {
  const known = recorded.photos.get(id);
  const wrong: string[] = [];
  if (!recorded.sent.has(sha256)) wrong.push(`photo ${id} is of bytes that nobody sent`);
  if (known && known.sha256 !== sha256) wrong.push(`photo ${id} is of other bytes than acknowledged`);
  if (original !== sha256) wrong.push(`the original of photo ${id} is ${original}`);
  if (known && !known.titles.has(title)) wrong.push(`the title of photo ${id} is ${JSON.stringify(title)}`);
  for (const { name } of stageTree) {
    if (stages[name] !== "SUCCEEDED") wrong.push(`stage ${name} of photo ${id} is ${stages[name]}`);
  }
  return wrong;
}

function ofJobs(user: SeenUser, owner: number, recorded: Recorded): string[] {
  const own = [...recorded.jobs.values()].filter((job) => job.owner === owner);
  const found = new Map(user.jobs.map((job) => [job.id, job]));
  return [
    ...own.flatMap(({ id }) => (found.has(id) ? [] : [`job ${id} is lost`])),
    ...repeated(own.map(({ key }) => key)).map((key) => `the request ${key} made two jobs`),
    ...user.jobs.flatMap(({ id, status, done, failed, total }) =>
      status === "SUCCEEDED" || status === "FAILED"
        ? []
        : [`job ${id} is ${status} with ${done} done and ${failed} failed of ${total}`],
    ),
  ];
}

/** Of each photo that is there a row, of others none. */
function ofResults(evidence: Evidence): string[] {
  const alive = living(evidence);
  return resultTables.flatMap(({ store, table }) => {
    const name = `${store}.${table}`;
    const rows = evidence.results.get(name) ?? new Map<string, number>();
    return [
      ...[...alive].flatMap((id) => (rows.has(id) ? [] : [`${name} has nothing of photo ${id}`])),
      ...[...rows].flatMap(([id, n]) => (n === 1 ? [] : [`${name} has ${n} rows of photo ${id}`])),
      ...[...rows.keys()].flatMap((id) =>
        alive.has(id) ? [] : [`${name} has something of no photo: ${id}`],
      ),
    ];
  });
}

/** The feed tells of each thing once; of stages that a job ran again as often as they ended. */
function ofTelling(evidence: Evidence, { photos, jobs }: Recorded): string[] {
  const wrong: string[] = [];
  const once = (key: string, orMore = false) => {
    const n = evidence.told.get(key) ?? 0;
    if (n === 0 || (n > 1 && !orMore)) wrong.push(`the feed tells ${n} times: ${key}`);
  };
  for (const id of living(evidence)) {
    once(`${id} photo.ready`);
    for (const { name } of stageTree) once(`${id} ${name}`, mayRepeat(photos.get(id)));
  }
  for (const { id, fate } of photos.values()) if (fate === "deleted") once(`${id} photo.deleted`);
  const statuses = new Map(evidence.users.flatMap((user) => user.jobs.map(({ id, status }) => [id, status])));
  for (const { id } of jobs.values()) once(`${id} ${statuses.get(id)}`);
  return wrong;
}

/** A photo whose acknowledgement was lost may be part of a job that nobody remembers. */
function mayRepeat(photo: RecordedPhoto | undefined): boolean {
  return photo?.rerun ?? true;
}

function ofEvents({ events }: Evidence, { planted }: Recorded): string[] {
  return [...events].flatMap(([store, { unsent, unheard, dead }]) => [
    ...(unsent > 0 ? [`${unsent} events of ${store} were not sent`] : []),
    ...unheard.map((id) => `the library has not handled the event ${id} of ${store}`),
    ...dead.flatMap(({ consumer, eventId, subject, reason }) =>
      planted.has(eventId) ? [] : [`${consumer} gave up ${subject} ${eventId}: ${reason}`],
    ),
  ]);
}

function ofSearch(evidence: Evidence, { planted }: Recorded): string[] {
  const alive = living(evidence);
  const documents = [...evidence.documents].filter(([id]) => !planted.has(id));
  return [
    ...differences(alive, new Set(documents.map(([id]) => id))).map(
      (id) => `photo ${id} and the documents of the search do not go together`,
    ),
    ...documents.flatMap(([id, complete]) =>
      complete ? [] : [`the document of photo ${id} is not complete`],
    ),
  ];
}

function ofFiles({ files }: Evidence): string[] {
  return files.there.flatMap((sha256) =>
    files.known.has(sha256) ? [] : [`the file ${sha256} belongs to nothing`],
  );
}

function repeated(list: readonly string[]): string[] {
  return [...new Set(list.filter((each, index) => list.indexOf(each) !== index))];
}

function differences(one: ReadonlySet<string>, other: ReadonlySet<string>): string[] {
  return [...[...one].filter((each) => !other.has(each)), ...[...other].filter((each) => !one.has(each))];
}
