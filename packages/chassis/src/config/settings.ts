import type { z } from "zod";
import { readSettingFile } from "./setting-file.ts";

/** A value that never shows in logs, JSON or inspection; `reveal()` is the only way to it. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[secret]";
  }
}

/** One setting: its environment variable, its type, its default and its documentation. */
export interface Setting<T> {
  readonly env: string;
  /** Turns the text of the variable into a value; zod's message is shown to the operator. */
  readonly schema: z.ZodType<T, string>;
  /** Used when the variable is unset or empty; absent means the setting is required. */
  readonly default: T | undefined;
  /** True when the setting may be left out altogether. */
  readonly optional: boolean;
  /** One or two sentences for the configuration table. */
  readonly doc: string;
  /** What the table shows as default when the value itself says little. */
  readonly defaultDoc: string | undefined;
  /** True for what must not leak, a password inside a URL included: `<env>_FILE` may name a file that holds the text. */
  readonly confidential: boolean;
}

/** A named group of settings. */
export type Settings = Record<string, Setting<unknown>>;

/** The values of a group of settings. */
export type SettingsValues<S extends Settings> = {
  [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

/** Every bad setting at once. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`bad configuration: ${problems.join("; ")}`);
    this.problems = problems;
  }
}

interface SettingOptions<T> {
  doc: string;
  default?: T;
  defaultDoc?: string;
  confidential?: boolean;
}

/** A setting with a default, or a required one when no default is given. */
export function setting<T>(
  env: string,
  schema: z.ZodType<T, string>,
  options: SettingOptions<T>,
): Setting<T> {
  return {
    env,
    schema,
    default: options.default,
    optional: false,
    doc: options.doc,
    defaultDoc: options.defaultDoc,
    confidential: options.confidential ?? false,
  };
}

/** A setting that is `undefined` when left out. */
export function optionalSetting<T>(
  env: string,
  schema: z.ZodType<T, string>,
  options: Omit<SettingOptions<T>, "default">,
): Setting<T | undefined> {
  return {
    env,
    schema,
    default: undefined,
    optional: true,
    doc: options.doc,
    defaultDoc: options.defaultDoc,
    confidential: options.confidential ?? false,
  };
}

/**
 * Reads a group of settings.
 * @throws ConfigError listing every bad variable.
 */
export function loadSettings<S extends Settings>(settings: S, env: NodeJS.ProcessEnv): SettingsValues<S> {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [key, each] of Object.entries(settings)) {
    const { text, problem } = readSetting(each, env);
    if (problem !== undefined) {
      problems.push(problem);
      continue;
    }
    if (text === undefined) {
      if (each.default === undefined && !each.optional) problems.push(`${each.env} is required: ${each.doc}`);
      values[key] = each.default;
      continue;
    }
    const parsed = each.schema.safeParse(text);
    if (parsed.success) values[key] = parsed.data;
    else problems.push(`${each.env}: ${parsed.error.issues.map((issue) => issue.message).join(", ")}`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  // Every key of S was filled above with a value its own schema produced.
  return values as SettingsValues<S>;
}

/**
 * The environment with the contents of files in place of their names: `NAME` for every `NAME_FILE` that can be read. What
 * cannot be read stays as it is, for {@link loadSettings} to name it together with whatever else is wrong.
 */
export function withSettingFiles(groups: readonly Settings[], env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const resolved = { ...env };
  for (const each of groups.flatMap((group) => Object.values(group))) {
    const name = fileVariable(each);
    if (!env[name]?.trim()) continue;
    const { text, problem } = readSetting(each, env);
    if (problem !== undefined || text === undefined) continue;
    resolved[each.env] = text;
    delete resolved[name];
  }
  return resolved;
}

/** The text of a setting, from its variable or from the file that its `_FILE` variable names. */
function readSetting(
  each: Setting<unknown>,
  env: NodeJS.ProcessEnv,
): { text?: string | undefined; problem?: string } {
  const text = env[each.env]?.trim() || undefined;
  const name = fileVariable(each);
  const file = each.confidential ? env[name]?.trim() : undefined;
  if (!file) return { text };
  if (text !== undefined) return { problem: `${each.env} and ${name} are both set; leave one of them out` };
  try {
    return { text: readSettingFile(file) };
  } catch (error) {
    return { problem: `${name}: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function fileVariable(each: Setting<unknown>): string {
  return `${each.env}_FILE`;
}
