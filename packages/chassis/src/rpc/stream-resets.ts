import http2 from "node:http2";

/**
 * Streams that a client may reset at once, and per second, before its connection is closed. Node allows 1,000 and 33, against
 * HTTP/2 rapid reset (CVE-2023-44487), and closes a connection with every call in it: between our own processes all
 * users share one, and each request that its client leaves resets streams. Work in hand is bounded by admission here, so
 * that resets cost no more than the calls did.
 */
const allowed = { streamResetBurst: 50_000, streamResetRate: 5_000 };

const createServer = http2.createServer;

/**
 * Makes these limits the defaults of this process, in which only gRPC speaks HTTP/2: the gRPC library hands no such options
 * on. May be called more than once.
 */
export function allowStreamResets(): void {
  const createAllowing = (options?: http2.ServerOptions, handler?: () => void) =>
    createServer({ ...allowed, ...options }, handler);
  // All overloads of the original are these two parameters beneath.
  http2.createServer = createAllowing as typeof http2.createServer;
}
