import { Command } from "commander";
import { commands } from "./commands/index.ts";
import { version } from "./version.ts";

const program = new Command("ocelli")
  .description("Self-hosted image understanding: captions, people, scenes, objects, text and search.")
  .version(version)
  .showHelpAfterError();

try {
  const asked = process.argv[2] ?? "";
  // Anything else is answered by the list of all commands.
  const wanted = Object.hasOwn(commands, asked) ? [asked] : Object.keys(commands);
  for (const name of wanted) (await commands[name]?.())?.(program);
  await program.parseAsync();
} catch (error) {
  const { explain } = await import("./explain.ts");
  console.error(`ocelli: ${explain(error)}`);
  process.exit(1);
}
