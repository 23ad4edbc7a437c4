import { createInProcessBus, createLogger } from "@ocelli/chassis";
import { events } from "@ocelli/contracts";
import { describe, expect, it } from "vitest";
import { startPhotoWatch } from "./photo-watch.ts";

const log = createLogger({ level: "silent", format: "json" });
const never = new AbortController().signal;

function indexed(photoId: string) {
  const { subject, message } = events.photoIndexed;
  const payload = message.encode(message.fromPartial({ photo: { photoId, ownerId: "o" } })).finish();
  return { id: crypto.randomUUID(), subject, payload };
}

async function watchOn() {
  const bus = createInProcessBus();
  return { bus, watch: await startPhotoWatch({ bus, log }) };
}

describe("startPhotoWatch", () => {
  it("hands an event to everybody who watches that photo, and to nobody else", async () => {
    const { bus, watch } = await watchOn();
    const [first, second, other] = [watch.open("a"), watch.open("a"), watch.open("b")];
    await bus.publish(indexed("a"));
    expect(await first.next(1000, never)).toMatchObject({ kind: "succeeded", stage: "index" });
    expect(await second.next(1000, never)).toMatchObject({ photoId: "a" });
    expect(await other.next(5, never)).toBeUndefined();
  });

  it("drops a watcher whose news pile up, after what it already had", async () => {
    const { bus, watch } = await watchOn();
    const slow = watch.open("a");
    for (let index = 0; index < 100; index++) await bus.publish(indexed("a"));
    expect(watch.watchers).toBe(0);
    let taken = 0;
    const drain = async () => {
      while (await slow.next(5, never)) taken += 1;
    };
    await expect(drain()).rejects.toMatchObject({ reason: "SLOW_READER" });
    expect(taken).toBe(64);
  });

  it("forgets watchers that are closed, once", async () => {
    const { watch } = await watchOn();
    const [first, second] = [watch.open("a"), watch.open("a")];
    first.close();
    first.close();
    expect(watch.watchers).toBe(1);
    second.close();
    expect(watch.watchers).toBe(0);
  });

  it("outlives events that cannot be read", async () => {
    const { bus, watch } = await watchOn();
    const watcher = watch.open("a");
    await bus.publish({ ...indexed("a"), payload: Uint8Array.of(0xff, 0xff) });
    await bus.publish(indexed("a"));
    expect(await watcher.next(1000, never)).toMatchObject({ stage: "index" });
  });

  it("stops waiting when told to", async () => {
    const { watch } = await watchOn();
    const stop = new AbortController();
    const waiting = watch.open("a").next(60_000, stop.signal);
    stop.abort(new Error("stopped"));
    await expect(waiting).rejects.toThrow("stopped");
  });
});
