import { type NativePostgres, startNativePostgres } from "@ocelli/testkit";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type OpenStore, openStores } from "./snapshots.ts";

let postgres: NativePostgres;
let number = 0;
beforeAll(async () => {
  postgres = await startNativePostgres();
});
afterAll(() => postgres?.stop());

/** Two databases: captioning has its own. The statement is what each is left with before the commit. */
async function commitWith(broken: string, statement: (store: OpenStore) => Promise<unknown>) {
  number += 1;
  const [first, second] = [
    await postgres.createDatabase(`first_${number}`),
    await postgres.createDatabase(`second_${number}`),
  ];
  const shared = { search: first, face: first, scene: first, library: first, auth: first };
  const open = await openStores({ ...shared, captioning: second }, "write");
  for (const store of open.stores)
    if (store.name === "search" || store.name === "captioning") {
      await sql`create table public.written (id int primary key, other int references public.written deferrable initially deferred)`.execute(
        store.trx,
      );
      if (store.name === broken) await statement(store);
    }
  return open.commit();
}

const violate = ({ trx }: OpenStore) => sql`insert into public.written values (1, 2)`.execute(trx);
const cutOff = ({ trx }: OpenStore) =>
  sql`select pg_terminate_backend(pg_backend_pid())`.execute(trx).catch(() => undefined);

test("a commit that fails first leaves all stores as they were, and ends", async () => {
  await expect(commitWith("search", violate)).rejects.toThrow("foreign key");
});

test("a commit that fails later names the stores that were written", async () => {
  await expect(commitWith("captioning", violate)).rejects.toThrow(
    /^only the stores of search, face, scene, library, auth were written, the others failed \(.*foreign key/,
  );
});

test("a connection that breaks before the commit does not hold the command up", async () => {
  await expect(commitWith("captioning", cutOff)).rejects.toThrow(/^only the stores of search, /);
}, 20_000);
