import type { Command } from "commander";
import { runUntilStopped } from "../run-until-stopped.ts";

/** Adds `ocelli up`: everything in this process. */
export function addUpCommand(program: Command): void {
  program
    .command("up")
    .description("start everything in this process")
    .action(async () => {
      const startedAt = performance.now();
      const { up } = await import("../up.ts");
      await runUntilStopped(
        (onFatal) => up({ env: process.env, onFatal }),
        (ocelli) => {
          const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
          console.log(
            `Ocelli is ready at ${ocelli.url} (${seconds} s, events: ${ocelli.events}). Ctrl-C stops it.`,
          );
          console.log(`gRPC: ${ocelli.services.map(({ name, address }) => `${name} ${address}`).join(", ")}`);
        },
      );
    });
}
