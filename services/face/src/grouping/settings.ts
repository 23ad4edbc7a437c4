import { setting, settingTypes } from "@ocelli/chassis";

const { byteSize, duration, integer } = settingTypes;

/** Settings of grouping. */
export const groupingSettings = {
  groupingMemory: setting("FACE_GROUPING_MEMORY", byteSize, {
    default: 64_000_000,
    defaultDoc: "64mb",
    doc: "Memory for comparing new faces with known ones, for all users together. Users who were active last stay in it.",
  }),
  minPersonFaces: setting("FACE_MIN_PERSON_FACES", integer(2, 20), {
    default: 3,
    doc: "Faces on different photos, all alike, that make a person. Fewer stay nobody's.",
  }),
  regroupIntervalMs: setting("FACE_REGROUP_INTERVAL", duration, {
    default: 3_600_000,
    defaultDoc: "1h",
    doc: "How long after the last regrouping a user's new faces are worth another.",
  }),
  regroupPollMs: setting("FACE_REGROUP_POLL", duration, {
    default: 5_000,
    defaultDoc: "5s",
    doc: "How often regroupings that were asked for are looked for.",
  }),
};
