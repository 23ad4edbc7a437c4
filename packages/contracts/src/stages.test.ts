import { expect, test } from "vitest";
import { events, isStageFailedSubject, photoStageFailed } from "./event-types.ts";
import { stageProducedBy, stages } from "./stages.ts";

const names = stages.map(({ name }) => name);

test("every stage ends with an event of its own, published by the service that runs it", () => {
  const subjects = Object.values(events).map(({ subject }) => subject);
  for (const stage of stages) {
    expect(subjects).toContain(stage.produces);
    expect(stage.produces).toMatch(new RegExp(`^ocelli\\.${stage.service}\\.`));
    expect(stageProducedBy(stage.produces)).toBe(stage);
  }
  expect(new Set(stages.map(({ produces }) => produces)).size).toBe(stages.length);
  expect(stageProducedBy(events.photoReady.subject)).toBeUndefined();
});

test("stages have names of their own and need only known ones", () => {
  expect(new Set(names).size).toBe(names.length);
  expect(names).not.toContain("ready");
  for (const { needs } of stages) {
    expect(needs.length).toBeGreaterThan(0);
    for (const need of needs) expect(["ready", ...names]).toContain(need);
  }
});

test("no stage waits for itself, directly or in a circle", () => {
  const started = new Set(["ready"]);
  for (let round = 0; round < stages.length; round++) {
    for (const { name, needs } of stages) if (needs.every((need) => started.has(need))) started.add(name);
  }
  expect([...started].sort()).toEqual(["ready", ...names].sort());
});

test("subjects are distinct and of one form", () => {
  const subjects = Object.values(events).map(({ subject }) => subject);
  expect(new Set(subjects).size).toBe(subjects.length);
  for (const subject of subjects) {
    expect(subject).toMatch(/^ocelli\.[a-z]+\.[a-z]+\.[a-z]+$/);
    expect(isStageFailedSubject(subject)).toBe(false);
  }
  for (const { service } of stages)
    expect(isStageFailedSubject(photoStageFailed(service).subject)).toBe(true);
});

test("every event survives encoding, unknown fields of newer versions included", () => {
  const photo = { photoId: "p", ownerId: "o", sha256: "s" };
  for (const { message } of [events.photoReady, events.photoClassified, events.photoDeleted]) {
    const bytes = message.encode(message.fromPartial({ photo })).finish();
    // Field 1000, a varint: what a newer version might add.
    const newer = Buffer.concat([bytes, Buffer.from([0xc0, 0x3e, 0x01])]);
    expect(message.decode(newer)).toMatchObject({ photo });
  }
});
