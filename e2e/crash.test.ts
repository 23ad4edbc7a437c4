import { stages as stageTree } from "@ocelli/contracts";
import { afterAll, expect, test } from "vitest";
import { Client } from "./harness/client.ts";
import { removeFolders, startOcelli, temporaryFolder } from "./harness/ocelli-process.ts";
import { differentPictures } from "./harness/photos.ts";

afterAll(removeFolders);

// With NATS, `npm run test:faults` does this and more; `npm run test:long` does it here, too.
test.each(process.env.OCELLI_LONG_TESTS ? ["in-process", "nats"] : ["in-process"])(
  "kill -9 in the middle of 20 uploads loses no acknowledged photo (%s)",
  async (events) => {
    const env = { OCELLI_DATA: temporaryFolder(), OCELLI_EVENTS: events, NATS_ACK_WAIT: "5s" };
    const first = await startOcelli(["up"], env);
    const client = await Client.signedUp(first.address, "maria@example.org");
    const acknowledged: string[] = [];
    const uploads = (await differentPictures(20)).map(async (picture, index) => {
      const response = await client.sendFile("/photos", picture, `${index}.jpg`);
      if (response.status !== 201) return;
      acknowledged.push(((await response.json()) as { id: string }).id);
      if (acknowledged.length === 8) first.child.kill("SIGKILL");
    });
    await Promise.allSettled(uploads);
    await first.end("SIGKILL");
    expect(acknowledged.length).toBeGreaterThanOrEqual(8);

    const second = await startOcelli(["up"], env);
    const again = new Client(second.address);
    again.token = client.token;
    for (const id of acknowledged) {
      const photo = await again.analysed(id, 120_000);
      expect(Object.values(photo.stages).map((stage) => stage.status)).toEqual(
        stageTree.map(() => "SUCCEEDED"),
      );
      expect((await again.request(`/photos/${id}/original`)).status).toBe(200);
    }
    // A photo whose answer the kill swallowed is there completely or not at all, and none is there twice.
    const all = await again.photos();
    expect(all.map((photo) => photo.id)).toEqual(expect.arrayContaining(acknowledged));
    expect(new Set(all.map((photo) => photo.sha256)).size).toBe(all.length);
    for (const { id } of all) {
      const { stages } = await again.analysed(id, 120_000);
      expect(Object.values(stages).map((stage) => stage.status)).toEqual(stageTree.map(() => "SUCCEEDED"));
    }
    expect(await second.end("SIGTERM")).toBe(0);
  },
  300_000,
);
