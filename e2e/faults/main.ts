import { natsInstalled } from "@ocelli/testkit";
import { removeFolders } from "../harness/ocelli-process.ts";
import { parseOptions } from "./options.ts";
import { type FaultRun, runFaults } from "./run.ts";

/** `npm run test:faults -- [--minutes=3] [--seed=N] [--only=kill,pause,…]` */
async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (!natsInstalled) throw new Error("nats-server is not on PATH");
  const run = await runFaults(options, (line) => console.log(line));
  try {
    report(run);
    if (run.wrong.length > 0) process.exitCode = 1;
    if (run.wrong.length > 0)
      console.log(`repeat it with --seed=${options.seed} --minutes=${options.minutes}`);
  } finally {
    await run.dispose();
    removeFolders();
  }
}

function report({ mesh, recorder, injected, skipped, settledMs, wrong }: FaultRun): void {
  const list = (counts: ReadonlyMap<string, number>) =>
    [...counts].map(([key, n]) => `${key} ${n}`).join(", ");
  console.log(`\nfaults: ${injected.length} injected, ${skipped.length} skipped`);
  console.log(`actions: ${list(recorder.actions)}`);
  console.log(`answers: ${list(recorder.answers)}`);
  const memory = [...mesh.memory()].map(([name, bytes]) => `${name} ${Math.round(bytes / 2 ** 20)} MiB`);
  console.log(`peak memory: ${memory.join(", ")}`);
  console.log(`settled ${(settledMs / 1000).toFixed(1)} s after the last fault`);
  for (const what of wrong.slice(0, 100)) console.log(`WRONG ${what}`);
  console.log(wrong.length === 0 ? "every promise was kept" : `${wrong.length} promises were broken`);
}

// What was started ends, and what was mounted goes, when this process exits; a signal alone would not let it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
