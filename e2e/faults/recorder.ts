/** A photo whose upload was acknowledged, and what was acknowledged of it since. */
export interface RecordedPhoto {
  id: string;
  /** Number of the user. */
  owner: number;
  sha256: string;
  /** `doubtful`: its deletion was asked for, and no answer came. */
  fate: "kept" | "deleted" | "doubtful";
  /** What the title may be: the one acknowledged last, and those asked for without a clear answer. */
  titles: Set<string>;
  /** A job ran its stages again: their ends may have been told more than once. */
  rerun: boolean;
}

/** A job that was acknowledged. */
export interface RecordedJob {
  id: string;
  owner: number;
  key: string;
}

/** A person whose name was acknowledged. */
export interface RecordedPerson {
  id: string;
  owner: number;
  names: Set<string>;
}

/** Something that must never happen, seen while it did. */
export interface Misstep {
  /** Milliseconds since the load began, of the first time. */
  atMs: number;
  /** As it was the first time. */
  what: string;
  times: number;
}

/** Writes down what was acknowledged, and what was wrong at the time. */
export class Recorder {
  readonly photos = new Map<string, RecordedPhoto>();
  readonly jobs = new Map<string, RecordedJob>();
  readonly people = new Map<string, RecordedPerson>();
  /** Hashes of everything that was ever sent: nothing else may be there in the end. */
  readonly sent = new Set<string>();
  /** Ids of events that only the faults have published, and of photos that only those name. */
  readonly planted = new Set<string>();
  /** By their kind, as an outage brings hundreds of the same. */
  readonly #missteps = new Map<string, Misstep>();
  /** Answers by status, and requests without one as `none`. */
  readonly answers = new Map<string, number>();
  /** What was done, by name. */
  readonly actions = new Map<string, number>();
  #startedAt = performance.now();

  /** The load begins now. */
  begin(): void {
    this.#startedAt = performance.now();
  }

  /** Since the load began. */
  get elapsedMs(): number {
    return Math.round(performance.now() - this.#startedAt);
  }

  get missteps(): Misstep[] {
    return [...this.#missteps.values()];
  }

  /** Notes something that must never happen. */
  misstep(what: string): void {
    const kind = what.replace(/[0-9a-f]{8}-[0-9a-f-]{27}|"traceId":"\w+"|\?\S*/g, "");
    const known = this.#missteps.get(kind);
    if (known) known.times += 1;
    else this.#missteps.set(kind, { atMs: this.elapsedMs, what, times: 1 });
  }

  /** Counts an answer, and notes one that no fault excuses. */
  answer(request: string, response: Response, problem: string): void {
    const { status } = response;
    count(this.answers, String(status));
    const retryAfter = response.headers.get("retry-after");
    if ((status === 429 || status === 503) && !/^[1-9]\d*$/.test(retryAfter ?? ""))
      this.misstep(`${request}: ${status} without Retry-After: ${problem}`);
    // Room that is missing on the disk has a status of its own.
    if (status >= 500 && ![503, 504, 507].includes(status)) this.misstep(`${request}: ${status} ${problem}`);
  }

  /** Counts a request that got no answer: a connection that broke, or a wait that lasted too long. */
  unanswered(): void {
    count(this.answers, "none");
  }

  /** Counts something that was done. */
  did(action: string): void {
    count(this.actions, action);
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
