import { connect, headers, type NatsConnection } from "@nats-io/transport-node";

/** The stream of all events, as an operator reaches it. */
export interface EventStream {
  /** Publishes a message; with an id, as a relay does. */
  publish(subject: string, payload: Uint8Array, id?: string): Promise<void>;
  /** Deletes the stream with every message and consumer. */
  delete(): Promise<void>;
  /** How long the server remembers ids that it has seen; 100 ms is the least. */
  setDuplicateWindow(ms: number): Promise<void>;
  close(): Promise<void>;
}

const name = "OCELLI";
const usualWindowMs = 120_000;

/** Connects to the stream. */
export async function openEventStream(url: string): Promise<EventStream> {
  const connection = await connect({ servers: new URL(url).host, timeout: 5_000 });
  return {
    async publish(subject, payload, id) {
      const fields = headers();
      if (id !== undefined) fields.set("Nats-Msg-Id", id);
      const answer = await connection.request(subject, payload, { timeout: 5_000, headers: fields });
      const { error } = answer.json<{ error?: { description: string } }>();
      if (error) throw new Error(`${subject} not published: ${error.description}`);
    },
    async delete() {
      await ask(connection, `STREAM.DELETE.${name}`, {});
    },
    async setDuplicateWindow(ms) {
      const { config } = await ask(connection, `STREAM.INFO.${name}`, {});
      const changed = { ...config, duplicate_window: ms * 1e6 };
      await ask(connection, `STREAM.UPDATE.${name}`, changed);
    },
    close: () => connection.close(),
  };
}

/** Runs work while the server forgets at once which ids it has seen. */
export async function withoutDeduplication(stream: EventStream, work: () => Promise<void>): Promise<void> {
  await stream.setDuplicateWindow(100);
  try {
    await work();
  } finally {
    await stream.setDuplicateWindow(usualWindowMs);
  }
}

async function ask(connection: NatsConnection, what: string, body: object): Promise<{ config?: object }> {
  const answer = await connection.request(`$JS.API.${what}`, JSON.stringify(body), { timeout: 5_000 });
  const parsed = answer.json<{ error?: { description: string }; config?: object }>();
  if (parsed.error) throw new Error(`${what}: ${parsed.error.description}`);
  return parsed;
}
