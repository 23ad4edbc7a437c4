import { settingTypes } from "@ocelli/chassis";
import { scopes } from "@ocelli/contracts";
import type { Command } from "commander";
import { type AuthStoreOptions, withAuthStore, withDatabaseOption } from "../auth-store.ts";
import { collectPages, formatColumns, formatTime } from "../columns.ts";
import { StartupError } from "../startup-error.ts";

interface CreateOptions extends AuthStoreOptions {
  user: string;
  name: string;
  scopes: string;
  expires?: string;
}

const whose = "e-mail address or id of the account";
const pageSize = 100;
const maxLifetimeMs = 36_500 * 86_400_000;

/** Adds `ocelli key`: API keys of users. */
export function addKeyCommand(program: Command): void {
  const key = program.command("key").description("look after API keys");
  addCreate(key);
  addList(key);
  addDelete(key);
}

function addCreate(key: Command): void {
  withDatabaseOption(key.command("create"))
    .description("create an API key and print it, this once")
    .requiredOption("--user <account>", whose)
    .requiredOption("--name <name>", "what it is for")
    .requiredOption("--scopes <list>", `what it may do, divided by commas: ${scopes.join(", ")}`)
    .option("--expires <duration>", "how long it works, e.g. 90d; for ever without it")
    .action(async (options: CreateOptions) => {
      const { name } = options;
      const request = { name, scopes: splitList(options.scopes), expiresAt: expiryOf(options.expires) };
      const { apiKey, secret } = await withAuthStore(options, async ({ findUser, apiKeys, actor }) => {
        const { id: userId } = await findUser(options.user);
        return apiKeys.create(request, { userId }, actor);
      });
      console.error(`API key ${apiKey.id}, expires: ${formatTime(apiKey.expiresAt)}. It is not shown again:`);
      console.log(secret);
    });
}

function addList(key: Command): void {
  withDatabaseOption(key.command("list"))
    .description("list the API keys of an account, newest first")
    .requiredOption("--user <account>", whose)
    .action(async (options: AuthStoreOptions & { user: string }) => {
      const keys = await withAuthStore(options, async ({ findUser, apiKeys }) => {
        const { id } = await findUser(options.user);
        return collectPages(async (pageToken) => {
          const page = await apiKeys.list(id, { pageSize, pageToken });
          return { items: page.apiKeys, nextPageToken: page.nextPageToken };
        });
      });
      const rows = keys.map((each) => [
        each.id,
        each.prefix,
        each.scopes.join(","),
        formatTime(each.expiresAt),
        formatTime(each.lastUsedAt),
        each.name,
      ]);
      console.log(formatColumns([["ID", "KEY", "SCOPES", "EXPIRES", "LAST USED", "NAME"], ...rows]));
    });
}

function addDelete(key: Command): void {
  withDatabaseOption(key.command("delete"))
    .description("delete an API key; it ends at once")
    .argument("<id>", "id of the key")
    .requiredOption("--user <account>", whose)
    .action(async (id: string, options: AuthStoreOptions & { user: string }) => {
      await withAuthStore(options, async ({ findUser, apiKeys, actor }) => {
        const { id: userId } = await findUser(options.user);
        await apiKeys.delete({ userId, id }, actor);
      });
      console.log(`deleted API key ${id}`);
    });
}

/** The words of a list divided by commas. */
export function splitList(text: string): string[] {
  return text
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
}

function expiryOf(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const lifetime = settingTypes.duration.safeParse(text);
  if (lifetime.success && lifetime.data > 0 && lifetime.data <= maxLifetimeMs)
    return new Date(Date.now() + lifetime.data);
  throw new StartupError("--expires must be a duration such as 90d or 12h");
}
