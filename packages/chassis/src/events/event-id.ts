import * as crypto from "node:crypto";

declare module "node:crypto" {
  /** Part of the pinned Node 24; its type package lags behind. */
  function randomUUIDv7(): string;
}

/** A new time-ordered id (UUIDv7). */
export function newEventId(): string {
  return crypto.randomUUIDv7();
}

/** True for the textual form of a UUID. */
export function isEventId(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}
