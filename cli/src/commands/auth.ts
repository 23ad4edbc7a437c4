import type { Command } from "commander";
import { type AuthStoreOptions, withAuthStore, withDatabaseOption } from "../auth-store.ts";
import { formatTime } from "../columns.ts";

/** Adds `ocelli auth`: the keys that sign access tokens. */
export function addAuthCommand(program: Command): void {
  const auth = program.command("auth").description("look after the keys that sign access tokens");
  withDatabaseOption(auth.command("rotate-keys"))
    .description("sign with a new key from now on; nobody is logged out")
    .action(async (store: AuthStoreOptions) => {
      const { kid, activatesAt } = await withAuthStore(store, ({ signingKeys, actor }) =>
        signingKeys.rotate(actor),
      );
      console.log(`key ${kid} signs from ${formatTime(activatesAt)}`);
    });
}
