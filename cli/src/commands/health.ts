import type { Command } from "commander";
import { checkGatewayReadiness, checkGrpcHealth } from "../health-check.ts";
import { findHealthTarget, parseHealthAddress } from "../health-target.ts";
import { findService, serviceNames } from "../service-names.ts";
import { StartupError } from "../startup-error.ts";

interface HealthOptions {
  address?: string;
  timeout: string;
}

/** Adds `ocelli health`: whether what runs on this machine does its work, for the health checks of containers. */
export function addHealthCommand(program: Command): void {
  program
    .command("health")
    .description("ask what runs on this machine whether it does its work; exits 0 when it does, else 1")
    .argument(
      "[service]",
      `${serviceNames.join(", ")}; the gateway's answer is that of everything behind it`,
      "gateway",
    )
    .option("--address <host:port>", "where it answers; without it where its settings say")
    .option("--timeout <ms>", "how long an answer may take, in milliseconds", "3000")
    .action(async (name: string, options: HealthOptions) => {
      const service = findService(name);
      const address = options.address
        ? parseHealthAddress(options.address)
        : findHealthTarget(service, process.env);
      const check = service === "gateway" ? checkGatewayReadiness : checkGrpcHealth;
      const timeoutMs = parseTimeout(options.timeout);
      try {
        await check(address, timeoutMs);
        console.log(`${service} at ${address} is healthy`);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        console.error(`ocelli: ${service} at ${address} is not healthy: ${reason}`);
        process.exitCode = 1;
      }
    });
}

function parseTimeout(text: string): number {
  const ms = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (ms > 0) return ms;
  throw new StartupError("--timeout must be a number of milliseconds from 1 to 999999");
}
