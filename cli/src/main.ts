import { Command } from "commander";
import { addAnalyzeCommand } from "./commands/analyze.ts";
import { addAuthCommand } from "./commands/auth.ts";
import { addEventsCommand } from "./commands/events.ts";
import { addImportCommand } from "./commands/import.ts";
import { addKeyCommand } from "./commands/key.ts";
import { addLibraryCommand } from "./commands/library.ts";
import { addModelsCommand } from "./commands/models.ts";
import { addSearchCommand } from "./commands/search.ts";
import { addServiceAccountCommand } from "./commands/service-account.ts";
import { addUserCommand } from "./commands/user.ts";
import { explain } from "./explain.ts";
import { version } from "./process-runtime.ts";
import { runUntilStopped } from "./run-until-stopped.ts";
import { type ServiceName, serviceNames } from "./service-names.ts";

const program = new Command("ocelli")
  .description("Self-hosted image understanding: captions, people, scenes, objects, text and search.")
  .version(version)
  .showHelpAfterError();

program
  .command("up")
  .description("start everything in this process")
  .action(async () => {
    const startedAt = performance.now();
    const { up } = await import("./up.ts");
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

program
  .command("serve")
  .description("run one service alone, from its own settings")
  .argument("<service>", serviceNames.join(", "))
  .action(async (name: string) => {
    const service = serviceNames.find((each) => each === name);
    if (!service)
      return program.error(
        `ocelli: unknown service ${JSON.stringify(name)}; one of ${serviceNames.join(", ")}`,
      );
    await serveUntilStopped(service);
  });

addAnalyzeCommand(program);
addModelsCommand(program);
addEventsCommand(program);
addUserCommand(program);
addAuthCommand(program);
addKeyCommand(program);
addServiceAccountCommand(program);
addLibraryCommand(program);
addImportCommand(program);
addSearchCommand(program);

async function serveUntilStopped(service: ServiceName): Promise<void> {
  const { serve } = await import("./serve.ts");
  await runUntilStopped(
    (onFatal) => serve({ service, env: process.env, onFatal }),
    ({ address, events }) => console.log(`ocelli ${service} is ready at ${address} (events: ${events})`),
  );
}

try {
  await program.parseAsync();
} catch (error) {
  console.error(`ocelli: ${explain(error)}`);
  process.exit(1);
}
