import { ConfigError, loadSettings, type Settings } from "@ocelli/chassis";

/**
 * Checks every setting of a process before anything is opened. Services load their groups again when they start.
 * @throws ConfigError naming each wrong or missing variable once, `further` problems included.
 */
export function checkSettings(
  groups: readonly Settings[],
  env: NodeJS.ProcessEnv,
  further: readonly string[] = [],
): void {
  const problems = new Set<string>();
  for (const group of groups) {
    try {
      loadSettings(group, env);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const problem of error.problems) problems.add(problem);
    }
  }
  for (const problem of further) problems.add(problem);
  if (problems.size > 0) throw new ConfigError([...problems]);
}
