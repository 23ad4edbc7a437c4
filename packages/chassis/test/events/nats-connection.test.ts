import { createNatsServer, type NatsServer, natsInstalled } from "@ocelli/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectNatsBus } from "../../src/events/index.ts";
import { log } from "./harness.ts";

describe.skipIf(!natsInstalled)("the connection to NATS", () => {
  let server: NatsServer;

  beforeAll(async () => {
    server = await createNatsServer();
    await server.start();
  });

  afterAll(async () => {
    await server.dispose();
  });

  it("is refused over tls:// when the server offers no encryption", async () => {
    const url = server.url.replace("nats://", "tls://secret@");
    await expect(connectNatsBus({ url, name: "test", log })).rejects.toThrow(/tls/);
  });
});
