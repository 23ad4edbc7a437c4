import type { Command } from "commander";

type AddCommand = (program: Command) => void;

/**
 * Commands by name, each loaded when it is asked for: a health check runs every few seconds, and an image has the
 * dependencies of its own service only.
 */
export const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  up: async () => (await import("./up.ts")).addUpCommand,
  serve: async () => (await import("./serve.ts")).addServeCommand,
  health: async () => (await import("./health.ts")).addHealthCommand,
  analyze: async () => (await import("./analyze.ts")).addAnalyzeCommand,
  models: async () => (await import("./models.ts")).addModelsCommand,
  migrate: async () => (await import("./migrate.ts")).addMigrateCommand,
  backup: async () => (await import("./backup.ts")).addBackupCommand,
  restore: async () => (await import("./restore.ts")).addRestoreCommand,
  events: async () => (await import("./events.ts")).addEventsCommand,
  user: async () => (await import("./user.ts")).addUserCommand,
  auth: async () => (await import("./auth.ts")).addAuthCommand,
  key: async () => (await import("./key.ts")).addKeyCommand,
  "service-account": async () => (await import("./service-account.ts")).addServiceAccountCommand,
  library: async () => (await import("./library.ts")).addLibraryCommand,
  import: async () => (await import("./import.ts")).addImportCommand,
  search: async () => (await import("./search.ts")).addSearchCommand,
};
