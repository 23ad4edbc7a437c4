import { decodeJwt } from "jose";
import type { Client } from "../e2e/harness/client.ts";

/** The user id in a client's access token. */
export function ownerOf(client: Client): string {
  return decodeJwt(client.token).sub ?? "";
}
