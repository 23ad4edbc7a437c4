import { scopes } from "@ocelli/contracts";
import type { Command } from "commander";
import { type AuthStoreOptions, withAuthStore, withDatabaseOption } from "../auth-store.ts";
import { collectPages, formatColumns, formatTime } from "../columns.ts";
import { splitList } from "./key.ts";

interface CreateOptions extends AuthStoreOptions {
  name: string;
  scopes: string;
  user?: string;
}

const pageSize = 100;

/** Adds `ocelli service-account`: programs that call the services in their own name. */
export function addServiceAccountCommand(program: Command): void {
  const account = program.command("service-account").description("look after accounts of programs");
  addCreate(account);
  addList(account);
  addDelete(account);
}

function addCreate(account: Command): void {
  withDatabaseOption(account.command("create"))
    .description("create a service account and print its secret, this once")
    .requiredOption("--name <name>", "client id: lower-case letters, digits and hyphens")
    .requiredOption("--scopes <list>", `what it may do, divided by commas: ${scopes.join(", ")}`)
    .option("--user <account>", "the one account it may act for (e-mail address or id); any without it")
    .action(async (options: CreateOptions) => {
      const { name, user } = options;
      const wanted = splitList(options.scopes);
      const { serviceAccount, secret } = await withAuthStore(options, async (operator) => {
        const userId = user === undefined ? "" : (await operator.findUser(user)).id;
        const request = { name, scopes: wanted, userId };
        return operator.serviceAccounts.create(request, () => true, operator.actor);
      });
      console.error(
        `Service account ${serviceAccount.name} (${serviceAccount.id}). Its secret is not shown again:`,
      );
      console.log(secret);
    });
}

function addList(account: Command): void {
  withDatabaseOption(account.command("list"))
    .description("list the service accounts by name")
    .action(async (store: AuthStoreOptions) => {
      const accounts = await withAuthStore(store, ({ serviceAccounts }) =>
        collectPages(async (pageToken) => {
          const page = await serviceAccounts.list({ pageSize, pageToken });
          return { items: page.serviceAccounts, nextPageToken: page.nextPageToken };
        }),
      );
      const rows = accounts.map((each) => [
        each.id,
        each.name,
        each.scopes.join(","),
        each.userId ?? "any",
        formatTime(each.lastUsedAt),
      ]);
      console.log(formatColumns([["ID", "NAME", "SCOPES", "ACTS FOR", "LAST USED"], ...rows]));
    });
}

function addDelete(account: Command): void {
  withDatabaseOption(account.command("delete"))
    .description("delete a service account; it ends at once")
    .argument("<account>", "its name or id")
    .action(async (nameOrId: string, store: AuthStoreOptions) => {
      await withAuthStore(store, async ({ serviceAccounts, actor }) => {
        const named = await collectPages(async (pageToken) => {
          const page = await serviceAccounts.list({ pageSize, pageToken });
          return { items: page.serviceAccounts, nextPageToken: page.nextPageToken };
        });
        const found = named.find((each) => each.name === nameOrId);
        await serviceAccounts.delete(found?.id ?? nameOrId, actor);
      });
      console.log(`deleted service account ${nameOrId}`);
    });
}
