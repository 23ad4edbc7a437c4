import { Secret, type Settings } from "./settings.ts";

/** One row of the configuration table. */
export interface SettingRow {
  env: string;
  default: string;
  doc: string;
  /** Whether a file may hold it. */
  confidential: boolean;
}

/** Rows of the configuration table, in the order the settings are declared. */
export function describeSettings(settings: Settings): SettingRow[] {
  return Object.values(settings).map((setting) => ({
    env: setting.env,
    default: setting.defaultDoc ?? showDefault(setting.default, setting.optional),
    doc: setting.doc,
    confidential: setting.confidential,
  }));
}

function showDefault(value: unknown, optional: boolean): string {
  if (value === undefined) return optional ? "unset" : "required";
  return value instanceof Secret ? "generated" : String(value);
}
