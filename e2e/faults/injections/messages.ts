import { setTimeout as delay } from "node:timers/promises";
import { newEventId } from "@ocelli/chassis";
import { events } from "@ocelli/contracts";
import { openEventStream, withoutDeduplication } from "../event-stream.ts";
import type { Recorder } from "../recorder.ts";
import type { FaultContext, Inject } from "./fault.ts";

interface Message {
  id: string;
  subject: string;
  payload: Buffer;
}

const producers = ["library", "scene", "captioning", "face"] as const;
const messagesOfEach = 15;

/** Events that were handled long ago come again in another order: under their own ids, and some under new ones. */
export const duplicates: Inject = (context) =>
  context.mesh.alone("nats", async () => {
    const { mesh, random, recorder } = context;
    const messages = random.shuffled(await recorded(context));
    const stream = await openEventStream(mesh.mesh.nats.url);
    try {
      await withoutDeduplication(stream, async () => {
        await delay(200);
        for (const { id, subject, payload } of messages) {
          const own = random.next() < 0.7;
          const sentId = own ? id : newEventId();
          if (!own) recorder.planted.add(sentId);
          await stream.publish(subject, payload, sentId);
          // Without an id nobody knows what has been handled: it has to be refused.
          if (random.next() < 0.1) await stream.publish(subject, payload);
        }
      });
    } finally {
      await stream.close();
    }
    return "done";
  });

/** Some of what each service has told; the rest of a service that is down at the moment is left out. */
async function recorded({ ask, random }: FaultContext): Promise<Message[]> {
  const all: Message[] = [];
  for (const service of producers) {
    const query = `select id, subject, payload from ${service}.outbox where sent_at is not null order by id`;
    const found = await ask<{ id: string; subject: string; payload: Buffer }>(service, query).catch(() => []);
    all.push(...random.shuffled(found).slice(0, messagesOfEach));
  }
  return all;
}

/** What nobody can handle, on subjects that everybody listens to. */
export const poison: Inject = (context) =>
  context.mesh.alone("nats", async () => {
    const { mesh, random, recorder } = context;
    const stream = await openEventStream(mesh.mesh.nats.url);
    try {
      for (const { subject, payload } of random.shuffled(poisons(recorder))) {
        const id = newEventId();
        recorder.planted.add(id);
        await stream.publish(subject, payload, id);
        await stream.publish(subject, payload);
      }
    } finally {
      await stream.close();
    }
    return "done";
  });

function poisons({ planted }: Recorder): { subject: string; payload: Uint8Array }[] {
  const { photoReady, photoClassified, photoDeleted, userCreated, photoStagesRequested } = events;
  const garbage = Buffer.alloc(300, 0xff);
  const unknown = { photoId: newEventId(), ownerId: newEventId(), sha256: "0".repeat(64) };
  // The search keeps what it hears of a photo, whoever has it.
  planted.add(unknown.photoId);
  const user = userCreated.message.encode(userCreated.message.fromPartial({ userId: "nobody" })).finish();
  const ready = photoReady.message.fromPartial({ photo: unknown });
  return [
    { subject: photoReady.subject, payload: garbage },
    { subject: photoClassified.subject, payload: garbage },
    { subject: photoStagesRequested.subject, payload: garbage },
    // As large as a server takes them.
    { subject: photoReady.subject, payload: Buffer.alloc(1_000_000, 0xff) },
    { subject: photoReady.subject, payload: new Uint8Array() },
    { subject: photoReady.subject, payload: user },
    { subject: photoDeleted.subject, payload: user },
    { subject: photoReady.subject, payload: photoReady.message.encode(ready).finish() },
  ];
}
