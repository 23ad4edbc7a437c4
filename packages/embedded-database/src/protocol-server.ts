import { createServer, type Server, type Socket } from "node:net";
import type { PGlite } from "@electric-sql/pglite";
import { BackendTurns } from "./backend-turns.ts";
import { type ClientMessage, MessageSplitter, syncMessage } from "./wire-messages.ts";

/** Settings of {@link serveProtocol}. */
export interface ProtocolServerOptions {
  database: PGlite;
  /** Path of the Unix socket. */
  socketPath: string;
  maxConnections: number;
  /** A client that says nothing for so long inside a transaction is cut off: it would block all others. */
  idleInTransactionMs: number;
}

/** A running server. */
export interface ProtocolServer {
  close(): Promise<void>;
}

/** Serves the PostgreSQL protocol for one PGlite to many clients, giving each the backend for whole query cycles. */
export async function serveProtocol(options: ProtocolServerOptions): Promise<ProtocolServer> {
  const turns = new BackendTurns();
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    new Session(socket, turns, options).start();
  });
  server.maxConnections = options.maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(options.socketPath, resolve);
  });
  return {
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Messages of an extended query; until its Sync nobody waits for an answer to them. Flush (H) is none of them. */
const deferrable = "PBDEC";
/** More than this is handed over before the Sync, which bounds what a session holds back. */
const maxDeferredBytes = 1024 * 1024;

/** One client's connection. */
class Session {
  readonly #socket: Socket;
  readonly #turns: BackendTurns;
  readonly #database: PGlite;
  readonly #idleInTransactionMs: number;
  readonly #splitter = new MessageSplitter();
  /** Messages are handled strictly one after another. */
  #work: Promise<void> = Promise.resolve();
  /** Messages not yet handed over: one call into Postgres and one answer for a whole cycle instead of five each. */
  #deferred: Uint8Array[] = [];
  #deferredBytes = 0;
  /** True between the first message handed over of an extended query and its Sync. */
  #inCycle = false;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, turns: BackendTurns, options: ProtocolServerOptions) {
    this.#socket = socket;
    this.#turns = turns;
    this.#database = options.database;
    this.#idleInTransactionMs = options.idleInTransactionMs;
  }

  start(): void {
    this.#socket.on("data", (chunk: Buffer) => {
      try {
        for (const message of this.#splitter.push(chunk)) this.#enqueue(() => this.#handle(message));
      } catch {
        this.#socket.destroy();
      }
    });
    this.#socket.on("error", () => this.#socket.destroy());
    this.#socket.once("close", () => this.#enqueue(() => this.#leave()));
  }

  #enqueue(task: () => Promise<void>): void {
    this.#work = this.#work.then(task).catch(() => {
      this.#socket.destroy();
    });
  }

  async #handle(message: ClientMessage): Promise<void> {
    if (message.kind === "encryption-request") {
      this.#socket.write("N");
      return;
    }
    if (message.kind === "cancel-request" || (message.kind === "query" && message.type === "X")) {
      this.#socket.end();
      return;
    }
    if (this.#socket.destroyed) return;
    this.#deferred.push(message.bytes);
    this.#deferredBytes += message.bytes.byteLength;
    const waits = message.kind === "query" && deferrable.includes(message.type);
    if (waits && this.#deferredBytes < maxDeferredBytes) return;
    clearTimeout(this.#idleTimer);
    await this.#turns.take(this);
    await this.#runDeferred();
    // Query, FunctionCall, Sync and the start-up end a cycle; everything else leaves it open.
    this.#inCycle = message.kind === "query" && !"QSF".includes(message.type);
    if (this.#inCycle) return;
    if (this.#database.isInTransaction()) this.#startIdleTimer();
    else this.#turns.release(this);
  }

  #startIdleTimer(): void {
    this.#idleTimer = setTimeout(() => this.#socket.destroy(), this.#idleInTransactionMs);
    this.#idleTimer.unref();
  }

  async #runDeferred(): Promise<void> {
    const [first, ...more] = this.#deferred;
    this.#deferred = [];
    this.#deferredBytes = 0;
    if (first) await this.#run(more.length === 0 ? first : Buffer.concat([first, ...more]));
  }

  async #run(bytes: Uint8Array): Promise<void> {
    // Corked: the parts of an answer leave in one system call.
    this.#socket.cork();
    try {
      await this.#database.runExclusive(() =>
        this.#database.execProtocolRawStream(bytes, {
          onRawData: (data) => {
            if (this.#socket.writable) this.#socket.write(Uint8Array.from(data));
          },
        }),
      );
    } finally {
      this.#socket.uncork();
    }
  }

  /** A client that is gone must leave neither a half-sent query nor a transaction behind. */
  async #leave(): Promise<void> {
    clearTimeout(this.#idleTimer);
    if (!this.#turns.holds(this)) return;
    try {
      if (this.#inCycle) await this.#run(syncMessage);
      if (this.#database.isInTransaction()) await this.#database.exec("ROLLBACK");
    } finally {
      this.#turns.release(this);
    }
  }
}
