import { get } from "node:http";
import { connect } from "node:http2";

// Answers are a few bytes or a few names; whatever is longer comes from something else.
const maxAnswerBytes = 64 * 1024;

/** A gRPC message without content: not compressed, of length 0. The empty service name asks for the whole server. */
const emptyMessage = Buffer.alloc(5);
/** `grpc.health.v1.HealthCheckResponse` with status SERVING, in its frame. */
const servingMessage = Buffer.from([0, 0, 0, 0, 2, 0x08, 1]);

/**
 * Asks a gRPC server whether it serves, over `grpc.health.v1`. Written out: loading a gRPC library takes longer than the
 * rest of the check.
 * @throws Error saying why it is not healthy.
 */
export async function checkGrpcHealth(address: string, timeoutMs: number): Promise<void> {
  const session = connect(`http://${address}`);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  session.once("error", (error) => reject(new Error(reasonOf(error))));
  const call = session.request({
    ":method": "POST",
    ":path": "/grpc.health.v1.Health/Check",
    "content-type": "application/grpc",
    te: "trailers",
  });
  let status: string | undefined;
  const answer: Buffer[] = [];
  let length = 0;
  const keepStatus = (headers: Record<string, unknown>) => {
    if (headers["grpc-status"] !== undefined) status = String(headers["grpc-status"]);
  };
  call.once("error", (error) => reject(new Error(reasonOf(error))));
  call.on("response", keepStatus).on("trailers", keepStatus);
  call.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length <= maxAnswerBytes) answer.push(chunk);
  });
  call.once("end", () => {
    if (status !== "0") reject(new Error(`gRPC status ${status ?? "missing"}`));
    else if (!Buffer.concat(answer).equals(servingMessage)) reject(new Error("not serving"));
    else resolve();
  });
  call.end(emptyMessage);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    session.destroy();
  }
}

/**
 * Asks a gateway whether everything it needs is usable.
 * @throws Error naming what is not.
 */
export async function checkGatewayReadiness(address: string, timeoutMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  const request = get(`http://${address}/ready`, { agent: false }, (response) => {
    const body: Buffer[] = [];
    let length = 0;
    response.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length <= maxAnswerBytes) body.push(chunk);
    });
    response.once("error", (error) => reject(new Error(reasonOf(error))));
    response.once("end", () => {
      if (response.statusCode === 200) return resolve();
      const failed = failedChecks(Buffer.concat(body).toString());
      reject(new Error(`not ready (HTTP ${response.statusCode}${failed})`));
    });
  });
  request.once("error", (error) => reject(new Error(reasonOf(error))));
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    request.destroy();
  }
}

/** The dependencies that a readiness answer complains about, where it is one. */
function failedChecks(body: string): string {
  try {
    const answer: unknown = JSON.parse(body);
    if (typeof answer !== "object" || answer === null || !("checks" in answer)) return "";
    const failed = Object.entries(answer.checks ?? {}).filter(([, outcome]) => outcome !== "ok");
    return failed.map(([name, outcome]) => `; ${name}: ${String(outcome)}`).join("");
  } catch {
    return "";
  }
}

/** What lies behind an error; a connection that several addresses refused has no message, but a code. */
function reasonOf(error: Error): string {
  if (error.cause instanceof Error) return reasonOf(error.cause);
  return error.message || ("code" in error ? String(error.code) : error.name);
}
