import type { Command } from "commander";
import { runUntilStopped } from "../run-until-stopped.ts";
import { findService, serviceNames } from "../service-names.ts";

/** Adds `ocelli serve`: one service alone. */
export function addServeCommand(program: Command): void {
  program
    .command("serve")
    .description("run one service alone, from its own settings")
    .argument("<service>", serviceNames.join(", "))
    .action(async (name: string) => {
      const service = findService(name);
      const { serve } = await import("../serve.ts");
      await runUntilStopped(
        (onFatal) => serve({ service, env: process.env, onFatal }),
        ({ address, events }) => console.log(`ocelli ${service} is ready at ${address} (events: ${events})`),
      );
    });
}
