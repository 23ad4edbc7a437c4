import type { Command } from "commander";
import { migrateStores, type StoreName, type StoreReport } from "../migrate.ts";
import { serviceNames } from "../service-names.ts";
import { databaseOption } from "../service-store.ts";
import { StartupError } from "../startup-error.ts";

interface MigrateCommandOptions {
  all?: boolean;
  check?: boolean;
  database?: string;
}

const stores = serviceNames.filter((name) => name !== "gateway");

/** Adds `ocelli migrate`: brings stores to the newest schema, or says what that would take. */
export function addMigrateCommand(program: Command): void {
  program
    .command("migrate")
    .description(
      "bring the stores of services to the newest schema and end; several may run at once, and again does no harm",
    )
    .argument("[services...]", `whose stores: ${stores.join(", ")}`)
    .option("--all", "the stores of all services")
    .option("--check", "change nothing; say what is pending, exit code 1 when anything is")
    .option(databaseOption.flags, databaseOption.description)
    .action(async (names: string[], options: MigrateCommandOptions) => {
      const { check = false, database } = options;
      const services = chosenStores(names, options.all === true);
      let pending = 0;
      await migrateStores({
        services,
        check,
        database,
        env: process.env,
        onReport(report) {
          pending += report.pending.length;
          console.log(describe(report));
        },
      });
      if (pending > 0) process.exitCode = 1;
    });
}

function chosenStores(names: readonly string[], all: boolean): readonly StoreName[] {
  if (all && names.length > 0) throw new StartupError("give either names of services or --all");
  if (!all && names.length === 0)
    throw new StartupError(`give names of services (${stores.join(", ")}) or --all`);
  const unknown = names.find((name) => !stores.some((store) => store === name));
  if (unknown !== undefined)
    throw new StartupError(`unknown service ${JSON.stringify(unknown)}; one of ${stores.join(", ")}`);
  return all ? stores : stores.filter((store) => names.includes(store));
}

function describe({ service, applied, pending, newest }: StoreReport): string {
  if (pending.length > 0) return `${service}: ${count(pending.length)} pending: ${pending.join(", ")}`;
  if (applied.length > 0) return `${service}: ${count(applied.length)} applied, now at ${newest}`;
  return `${service}: up to date at ${newest}`;
}

function count(migrations: number): string {
  return migrations === 1 ? "1 migration" : `${migrations} migrations`;
}
