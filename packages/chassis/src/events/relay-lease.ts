import { randomUUID } from "node:crypto";
import { type Kysely, sql } from "kysely";
import type { EventTables } from "./tables.ts";

/** Settings of {@link RelayLease}. */
export interface RelayLeaseOptions {
  db: Kysely<EventTables>;
  service: string;
  /** How long a dead owner keeps the others waiting. */
  leaseMs: number;
  /** Takes the lease from whoever holds it, once: right when no other process can be alive. */
  takeOver: boolean;
}

/** Makes one replica of a service its relay. Losing it costs duplicates at worst, never a loss. */
export class RelayLease {
  readonly #options: RelayLeaseOptions;
  readonly #owner = randomUUID();
  #takeOver: boolean;
  /** On the monotonic clock, counted from before the query, so it ends before the row's own end. */
  #validUntil = 0;

  constructor(options: RelayLeaseOptions) {
    this.#options = options;
    this.#takeOver = options.takeOver;
  }

  /** Takes or renews the lease when due. */
  async hold(): Promise<boolean> {
    const { leaseMs } = this.#options;
    const now = performance.now();
    if (this.#validUntil - now > (leaseMs * 2) / 3) return true;
    const owner = await this.#acquire();
    this.#takeOver = false;
    this.#validUntil = owner ? now + leaseMs : 0;
    return owner;
  }

  async release(): Promise<void> {
    this.#validUntil = 0;
    await this.#options.db
      .deleteFrom("relay_lease")
      .where("service", "=", this.#options.service)
      .where("owner", "=", this.#owner)
      .execute();
  }

  async #acquire(): Promise<boolean> {
    const { db, service, leaseMs } = this.#options;
    const expiresAt = sql<Date>`now() + ${leaseMs} * interval '1 millisecond'`;
    const row = await db
      .insertInto("relay_lease")
      .values({ service, owner: this.#owner, expires_at: expiresAt })
      .onConflict((conflict) => {
        const update = conflict.column("service").doUpdateSet({ owner: this.#owner, expires_at: expiresAt });
        if (this.#takeOver) return update;
        return update.where((where) =>
          where.or([
            where("relay_lease.owner", "=", this.#owner),
            where("relay_lease.expires_at", "<", sql<Date>`now()`),
          ]),
        );
      })
      .returning("owner")
      .executeTakeFirst();
    return row !== undefined;
  }
}
