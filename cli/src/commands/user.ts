import type { Operator, User } from "@ocelli/auth/operator";
import type { Command } from "commander";
import { type AuthStoreOptions, withAuthStore, withDatabaseOption } from "../auth-store.ts";
import { collectPages, formatColumns, formatTime } from "../columns.ts";
import { confirm, readNewPassword } from "../read-secret.ts";

interface CreateOptions extends AuthStoreOptions {
  email: string;
  name: string;
  admin?: boolean;
  passwordStdin?: boolean;
}

const whose = "e-mail address or id of the account";
const pageSize = 200;

/** Adds `ocelli user`: accounts, also for who cannot log in any more. */
export function addUserCommand(program: Command): void {
  const user = program.command("user").description("look after accounts");
  addCreate(user);
  addList(user);
  addSwitch(
    user,
    "disable",
    "close an account: all its sessions, API keys and service accounts end at once",
    true,
  );
  addSwitch(user, "enable", "open a closed account again", false);
  addRole(user);
  addResetPassword(user);
  addResetTwoFactor(user);
  addEndSessions(user);
  addDelete(user);
}

function addCreate(user: Command): void {
  withDatabaseOption(user.command("create"))
    .description("create an account; asks for its password")
    .requiredOption("--email <address>", "e-mail address to log in with")
    .requiredOption("--name <name>", "name to show")
    .option("--admin", "make it an administrator's")
    .option("--password-stdin", "read the password from stdin")
    .action(async ({ email, name, admin, passwordStdin, ...store }: CreateOptions) => {
      const password = await readNewPassword({ fromStdin: passwordStdin ?? false });
      const role = admin ? "admin" : "user";
      const created = await withAuthStore(store, ({ users, caller }) =>
        users.create({ email, name, password, role }, caller),
      );
      console.log(`created ${describe(created)}`);
    });
}

function addList(user: Command): void {
  withDatabaseOption(user.command("list"))
    .description("list all accounts, oldest first")
    .argument("[query]", "only those whose address or name contains this")
    .action(async (query: string | undefined, store: AuthStoreOptions) => {
      const users = await withAuthStore(store, (operator) =>
        collectPages(async (pageToken) => {
          const page = await operator.users.list({ pageSize, pageToken, query: query ?? "" });
          return { items: page.users, nextPageToken: page.nextPageToken };
        }),
      );
      const rows = users.map((each) => [
        each.id,
        each.email,
        each.role,
        each.disabled ? "disabled" : "enabled",
        formatTime(each.createdAt),
        each.name,
      ]);
      console.log(formatColumns([["ID", "EMAIL", "ROLE", "STATE", "CREATED", "NAME"], ...rows]));
    });
}

function addSwitch(user: Command, name: string, description: string, disabled: boolean): void {
  withDatabaseOption(user.command(name))
    .description(description)
    .argument("<account>", whose)
    .action((account: string, store: AuthStoreOptions) => change(account, store, { disabled }, `${name}d`));
}

function addRole(user: Command): void {
  withDatabaseOption(user.command("set-role"))
    .description("make an account an administrator's, or no administrator's any more; ends its sessions")
    .argument("<account>", whose)
    .argument("<role>", "admin or user")
    .action((account: string, role: string, store: AuthStoreOptions) =>
      change(account, store, { role }, `made ${role}:`),
    );
}

function addResetPassword(user: Command): void {
  withDatabaseOption(user.command("reset-password"))
    .description("print a link with which the user chooses another password, or set one")
    .argument("<account>", whose)
    .option("--password-stdin", "set the password read from stdin; ends all sessions")
    .action(async (account: string, options: AuthStoreOptions & { passwordStdin?: boolean }) => {
      const password = options.passwordStdin ? await readNewPassword({ fromStdin: true }) : undefined;
      await withAuthStore(options, async (operator) => {
        const user = await operator.findUser(account);
        if (password === undefined) return printLink(operator, user);
        await operator.operatorPasswords.set(user.id, password);
        console.log(`set the password of ${describe(user)}`);
      });
    });
}

function addResetTwoFactor(user: Command): void {
  withDatabaseOption(user.command("reset-two-factor"))
    .description("take the second factor and its recovery codes off an account; its user is told by e-mail")
    .argument("<account>", whose)
    .action(async (account: string, store: AuthStoreOptions) => {
      await withAuthStore(store, async (operator) => {
        const user = await operator.findUser(account);
        await operator.operatorSecondFactor.reset(user.id);
        console.log(`took the second factor off ${describe(user)}`);
      });
    });
}

function addEndSessions(user: Command): void {
  withDatabaseOption(user.command("end-sessions"))
    .description("end every session of an account, which stays open; its API keys work on")
    .argument("<account>", whose)
    .action(async (account: string, store: AuthStoreOptions) => {
      await withAuthStore(store, async (operator) => {
        const user = await operator.findUser(account);
        const ended = await operator.endSessions(user.id, operator.caller);
        console.log(
          `ended ${ended.length} ${ended.length === 1 ? "session" : "sessions"} of ${describe(user)}`,
        );
      });
    });
}

function addDelete(user: Command): void {
  withDatabaseOption(user.command("delete"))
    .description("delete an account and everything it owns; cannot be undone")
    .argument("<account>", whose)
    .option("--yes", "do not ask")
    .action(async (account: string, options: AuthStoreOptions & { yes?: boolean }) => {
      await withAuthStore(options, async (operator) => {
        const user = await operator.findUser(account);
        if (!options.yes) await confirm(`Delete ${describe(user)} with all photos?`);
        await operator.users.delete(user.id, { password: "" }, operator.caller);
        console.log(`deleted ${describe(user)}`);
      });
    });
}

async function change(
  account: string,
  store: AuthStoreOptions,
  changes: { disabled?: boolean; role?: string },
  done: string,
): Promise<void> {
  await withAuthStore(store, async ({ findUser, users, caller }) => {
    const { id } = await findUser(account);
    console.log(`${done} ${describe(await users.update(id, changes, caller))}`);
  });
}

async function printLink({ operatorPasswords }: Operator, user: User): Promise<void> {
  const { url, lifetimeMs } = await operatorPasswords.makeResetLink(user.id);
  console.error(`Works once, for ${lifetimeMs / 60_000} minutes, for ${describe(user)}:`);
  console.log(url);
}

function describe({ email, id }: User): string {
  return `${email.replace(/\p{C}/gu, "?")} (${id})`;
}
