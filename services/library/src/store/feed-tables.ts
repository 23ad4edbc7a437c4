import type { ColumnType, Generated } from "kysely";

/** What a delivery can be: on its way, taken by the receiver, or not tried any more. */
export type DeliveryStatus = "PENDING" | "DELIVERED" | "GIVEN_UP";

/** JSON that is written as text and read as a value. */
type Json = ColumnType<Record<string, unknown>, string, string>;

/** Tables of feeds and webhooks. */
export interface FeedTables {
  /** One row per owner with a feed; locked by whoever appends to it. */
  feed_heads: {
    owner_id: string;
    /** Id of the newest entry. */
    last_id: number;
    /** Id up to which entries are not kept any more. */
    purged_id: Generated<number>;
  };
  feed: { owner_id: string; id: number; type: string; at: Date; subject_id: string; data: Json };
  webhooks: {
    id: string;
    owner_id: string;
    url: string;
    /** Types to send; empty for all. */
    types: string[];
    secret: ColumnType<Buffer, Uint8Array, never>;
    /** Whether the secret is encrypted with the installation's key. */
    sealed: boolean;
    created_at: Date;
    enabled: Generated<boolean>;
    /** Deliveries given up since one last arrived. */
    given_up: Generated<number>;
    /** Id of the last entry for which there is a delivery, if its type is wanted. */
    feed_id: number;
  };
  webhook_deliveries: {
    id: string;
    webhook_id: string;
    owner_id: string;
    feed_id: number;
    type: string;
    subject_id: string;
    at: Date;
    data: Json;
    status: Generated<DeliveryStatus>;
    attempts: Generated<number>;
    error: Generated<string>;
    created_at: Generated<Date>;
    next_attempt_at: Generated<Date>;
    /** Until when the replica that took it has to be done. */
    leased_until: Date | null;
    ended_at: Date | null;
  };
}
