import {
  decodePageToken,
  encodePageToken,
  invalidArgument,
  isUuid,
  type Logger,
  resolvePageSize,
} from "@ocelli/chassis";
import type { Kysely } from "kysely";
import { z } from "zod";
import { type AuditEntry, type AuditFilter, deleteAuditEntries, listAuditEntries } from "./store/audit.ts";
import type { AuthTables } from "./store/tables.ts";

/** What a list of entries is asked for, as a client sends it: empty texts match everything. */
export interface AuditQuery {
  pageSize: number;
  pageToken: string;
  userId?: string;
  action?: string;
  outcome?: string;
  from?: Date | undefined;
  until?: Date | undefined;
}

/** One page of entries, newest first. */
export interface AuditEntryPage {
  entries: AuditEntry[];
  /** Empty on the last page. */
  nextPageToken: string;
}

/** Reads the audit log. */
export interface AuditEntries {
  /**
   * Entries of everybody.
   * @throws AppError INVALID_ARGUMENT/{INVALID_AUDIT_FILTER,INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN}.
   */
  list(query: AuditQuery): Promise<AuditEntryPage>;
  /** Entries by or about one user. @throws AppError INVALID_ARGUMENT/{INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN}. */
  activity(userId: string, page: Pick<AuditQuery, "pageSize" | "pageToken">): Promise<AuditEntryPage>;
}

const pageLimits = { defaultSize: 50, maxSize: 200 };
// What a clock and a database both know how to write.
const earliest = new Date("1970-01-01T00:00:00Z");
const latest = new Date("9999-12-31T23:59:59.999Z");

const time = z.date().min(earliest).max(latest);
const filter = z.object({
  userId: z.string().refine(isUuid, "must be an id").optional(),
  action: z
    .string()
    .max(60, "must have at most 60 characters")
    .regex(/^[a-z][a-z-]*(?:\.[a-z-]*)?$/, "must be an action, or the beginning of one up to its dot")
    .optional(),
  outcome: z.enum(["success", "failure"], "must be success or failure").optional(),
  from: time.optional(),
  until: time.optional(),
});

/** Creates the reader. */
export function createAuditEntries({ db }: { db: Kysely<AuthTables> }): AuditEntries {
  async function pageOf(name: string, wanted: AuditFilter, query: AuditQuery): Promise<AuditEntryPage> {
    const list = [name, wanted];
    const after = decodePageToken(query.pageToken, z.uuid(), list);
    const size = resolvePageSize(query.pageSize, pageLimits);
    // One more than asked for tells whether there is another page.
    const found = await listAuditEntries(db, { ...wanted, after, limit: size + 1 });
    const entries = found.slice(0, size);
    const last = entries.at(-1);
    const more = found.length > size && last !== undefined;
    return { entries, nextPageToken: more ? encodePageToken(last.id, list) : "" };
  }

  return {
    list: async (query) => pageOf("audit", parseFilter(query), query),
    activity: (userId, page) => pageOf("activity", { userId }, page),
  };
}

/** Deletes entries that are over, from now on once a day. Any number of replicas may do so at once. */
export function startAuditRetention(options: {
  db: Kysely<AuthTables>;
  log: Logger;
  now: () => Date;
  retentionMs: number;
}): { stop(): Promise<void> } {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const run = async () => {
    try {
      await purgeAudit(options, () => stopped);
    } catch (error) {
      options.log.warn({ err: error }, "old audit entries could not be deleted; trying again tomorrow");
    }
    if (!stopped) timer = setTimeout(begin, purgeEveryMs).unref();
  };
  let running: Promise<void> = Promise.resolve();
  const begin = () => {
    running = run();
  };
  begin();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

const purgeEveryMs = 86_400_000;
// Small transactions that hold nothing up, and an end to them: what is left has its turn tomorrow.
const purgeBatch = 1_000;
const maxPurgeBatches = 1_000;

async function purgeAudit(
  { db, now, retentionMs }: { db: Kysely<AuthTables>; now: () => Date; retentionMs: number },
  isStopped: () => boolean,
): Promise<void> {
  const before = new Date(now().getTime() - retentionMs);
  for (let batch = 0; batch < maxPurgeBatches && !isStopped(); batch += 1) {
    if ((await deleteAuditEntries(db, { before, limit: purgeBatch })) < purgeBatch) return;
  }
}

function parseFilter({ userId, action, outcome, from, until }: AuditQuery): AuditFilter {
  const given = Object.entries({ userId, action, outcome, from, until }).filter(
    ([, value]) => value !== undefined && value !== "",
  );
  const parsed = filter.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  const violations = parsed.error.issues.map((issue) => ({
    field: issue.path.join("."),
    description: issue.message,
  }));
  throw invalidArgument("INVALID_AUDIT_FILTER", "The filter is not valid.", violations);
}
