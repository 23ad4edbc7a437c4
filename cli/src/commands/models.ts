import { loadSettings } from "@ocelli/chassis";
import type { Command } from "commander";
import { engineSettings } from "../config.ts";

/** Adds `ocelli models`: what would be loaded, under which licence, and whether every file is the right one. */
export function addModelsCommand(program: Command): void {
  program
    .command("models")
    .description("list the models, their licences, and check their files")
    .action(async () => {
      const { loadManifest, verifyManifest } = await import("@ocelli/inference");
      const manifest = loadManifest(loadSettings(engineSettings, process.env).models);
      const problems = await verifyManifest(manifest, { hash: true });
      for (const { id, task, version, licence } of manifest.models) {
        const state = problems.some((problem) => problem.id === id) ? "BAD" : "ok";
        console.log([state.padEnd(4), id.padEnd(24), version.padEnd(12), task.padEnd(20), licence].join(" "));
      }
      for (const problem of problems) console.error(`ocelli: ${problem.message}`);
      process.exitCode = problems.length > 0 ? 1 : 0;
    });
}
