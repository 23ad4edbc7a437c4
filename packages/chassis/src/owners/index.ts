export * from "./consume-owner-deletions.ts";
export * from "./deleted-owners.ts";
export * from "./event-eraser.ts";
export * from "./owned-rows.ts";
