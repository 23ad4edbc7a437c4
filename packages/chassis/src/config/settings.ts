import type { z } from "zod";

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
  };
}

/** A setting that is `undefined` when left out. */
export function optionalSetting<T>(
  env: string,
  schema: z.ZodType<T, string>,
  options: { doc: string; defaultDoc?: string },
): Setting<T | undefined> {
  return {
    env,
    schema,
    default: undefined,
    optional: true,
    doc: options.doc,
    defaultDoc: options.defaultDoc,
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
    const text = env[each.env]?.trim();
    if (text === undefined || text === "") {
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
