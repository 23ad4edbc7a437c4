import type { Migrations } from "@ocelli/chassis";
import type { Transaction } from "kysely";
import { damaged, type StoreName } from "./format.ts";
import type { Row } from "./rows-file.ts";

/** Rows of a table in a backup, by column name. */
export type ReadTable = (table: string) => Promise<Record<string, string | null>[]>;

/** What a restored store needs beyond its tables' rows. */
export interface RestorePlan {
  /** Says how rows of a table change on their way in; undefined where they stay. */
  rewrite(table: string, columns: readonly string[]): ((row: Row) => Row) | undefined;
  /** Runs when all rows are in. */
  finish(): Promise<void>;
}

/** What the backup knows of one service's store, beside what the database itself says. */
export interface ServiceStore {
  migrations(): Promise<Migrations>;
  /** Tables that are left out, with the reason. */
  transient: Readonly<Record<string, string>>;
  /** Tables that are read in an order, by column. */
  ordered?: Readonly<Record<string, string>>;
  /** Columns whose type depends on what the server can do; by table. */
  variableColumns?: (table: string) => readonly string[];
  /** Makes what no migration makes: tables and partitions of models. Rows are not loaded yet. */
  prepare?(trx: Transaction<unknown>, read: ReadTable): Promise<RestorePlan>;
}

// A relay takes it anew; while somebody else's is valid nothing would be sent.
const transientEverywhere = { relay_lease: "who sends at the moment" };

/** Larger than what any installation has had; each model makes tables. */
const mostModels = 100;

/** By service. */
export const serviceStores: Readonly<Record<StoreName, ServiceStore>> = {
  auth: {
    migrations: async () => (await import("@ocelli/auth")).migrations,
    transient: {
      ...transientEverywhere,
      // What was rotated, used or ended since the backup would be good again.
      sessions: "everybody logs in again",
      refresh_tokens: "of the sessions",
      oidc_logins: "logins under way",
      action_tokens: "links in mails",
      mails: "would be sent twice, with links that are good no more",
      attempt_windows: "counted anew",
      attempt_failures: "counted anew",
    },
  },
  library: {
    migrations: async () => (await import("@ocelli/library")).migrations,
    transient: {
      ...transientEverywhere,
      uploads: "their bytes lie in temporary files",
      link_visits: "visitors open the link again",
      link_attempts: "counted anew",
    },
    ordered: { images: "sha256" },
  },
  captioning: {
    migrations: async () => (await import("@ocelli/captioning")).migrations,
    transient: transientEverywhere,
  },
  scene: {
    migrations: async () => (await import("@ocelli/scene")).migrations,
    transient: transientEverywhere,
  },
  face: {
    migrations: async () => (await import("@ocelli/face")).migrations,
    transient: transientEverywhere,
    async prepare(trx, read) {
      const models = (await read("face_models")).map(({ model }) => model ?? "");
      if (models.length > mostModels || models.some((model) => model === "" || model.length > 500))
        throw damaged("its models of faces are none");
      const { makePartitions } = await import("@ocelli/face");
      await makePartitions(trx, models);
      return { rewrite: () => undefined, finish: async () => undefined };
    },
  },
  search: {
    migrations: async () => (await import("@ocelli/search")).migrations,
    transient: transientEverywhere,
    variableColumns: (table) => (/^vectors_\d+$/.test(table) ? ["vector"] : []),
    prepare: prepareSearch,
  },
};

/** Vectors are stored as the server at hand can: what another one could is converted. */
async function prepareSearch(trx: Transaction<unknown>, read: ReadTable): Promise<RestorePlan> {
  const { restoreModels } = await import("@ocelli/search");
  const rows = await read("index_models");
  const models = rows.map(({ number, dimension, storage }) => {
    const known = (["halfvec", "bytes"] as const).find((each) => each === storage);
    const isNumber = (text: string | null | undefined) => /^[1-9]\d{0,5}$/.test(text ?? "");
    if (!known || !isNumber(number) || !isNumber(dimension) || Number(dimension) > 4000)
      throw damaged("its models of the search are none");
    return { number: Number(number), dimension: Number(dimension), storage: known };
  });
  if (models.length > mostModels) throw damaged("its models of the search are none");
  const restored = await restoreModels(trx, models);
  return {
    finish: restored.finish,
    rewrite(table, columns) {
      if (table === "index_models") {
        const [storage, graph] = [columns.indexOf("storage"), columns.indexOf("has_graph")];
        return (row) =>
          row.map((value, at) =>
            at === storage ? restored.storage : at === graph ? restored.hasGraph : value,
          );
      }
      const convert = restored.converter(table);
      const vector = columns.indexOf("vector");
      return (
        convert &&
        ((row) => row.map((value, at) => (at === vector && value !== null ? convert(value) : value)))
      );
    },
  };
}
