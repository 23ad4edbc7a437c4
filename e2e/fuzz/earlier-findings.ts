import type { FuzzRequest } from "./requests.ts";

/** Requests that were once answered wrongly; every run sends them first. */
export const earlierRequests: readonly FuzzRequest[] = [];
