import { createNatsServer, type NatsServer, natsInstalled } from "@ocelli/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connectNatsBus, type EventBus } from "../../src/events/index.ts";
import { log, makeEvent, sleep, until } from "./harness.ts";

describe.skipIf(!natsInstalled)("a NATS server that goes away", () => {
  let server: NatsServer;
  let bus: EventBus;
  let handled: string[];

  beforeEach(async () => {
    server = await createNatsServer();
    await server.start();
    bus = await connectNatsBus({ url: server.url, name: "test", log });
    handled = [];
    await bus.consume({
      name: "restart",
      filter: "ocelli.test.>",
      concurrency: 2,
      maxDeliver: 5,
      backoffMs: [50],
      handle: async ({ event }) => void handled.push(event.id),
    });
  });

  afterEach(async () => {
    await bus.close();
    await server.dispose();
  });

  /** Publishes as the relay does: again until it works. */
  async function publishUntilAccepted(id: { id: string }): Promise<void> {
    await until(async () => {
      try {
        await bus.publish({ ...makeEvent("ocelli.test.thing.done"), id: id.id });
        return true;
      } catch {
        return false;
      }
    }, 20_000);
  }

  it("comes back with its disk, and consumers go on", { timeout: 40_000 }, async () => {
    await bus.publish(makeEvent("ocelli.test.thing.done"));
    await until(() => handled.length === 1);
    await server.kill();
    await expect(bus.ping()).rejects.toThrow();
    await sleep(300);
    await server.start();
    await publishUntilAccepted(makeEvent());
    await until(() => handled.length === 2, 20_000);
    await bus.ping();
  });

  it("comes back empty, and stream and consumers are created again", { timeout: 60_000 }, async () => {
    await server.kill({ wipe: true });
    await server.start();
    await publishUntilAccepted(makeEvent());
    await until(() => handled.length === 1, 40_000);
  });

  it("refuses to be used after close", async () => {
    await bus.close();
    await expect(bus.publish(makeEvent("ocelli.test.thing.done"))).rejects.toThrow();
  });
});
