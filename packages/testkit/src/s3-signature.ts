import { createHash, createHmac } from "node:crypto";
import type { IncomingMessage } from "node:http";

const pattern =
  /^AWS4-HMAC-SHA256 Credential=([^,/]+)\/([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]+)$/;

/** Whether a request was signed with a secret (AWS Signature Version 4 in the Authorization header). */
export function isSignedWith(request: IncomingMessage, secretAccessKey: string): boolean {
  const [, , scope = "", signedHeaders = "", signature] =
    pattern.exec(request.headers.authorization ?? "") ?? [];
  const [date = "", region = "", service = ""] = scope.split("/");
  const [path = "", query = ""] = (request.url ?? "").split("?");
  const canonical = [
    request.method,
    path,
    query
      .split("&")
      .filter(Boolean)
      .map((pair) => (pair.includes("=") ? pair : `${pair}=`))
      .sort()
      .join("&"),
    ...signedHeaders.split(";").map((name) => `${name}:${String(request.headers[name] ?? "").trim()}`),
    "",
    signedHeaders,
    request.headers["x-amz-content-sha256"],
  ].join("\n");
  const digest = createHash("sha256").update(canonical).digest("hex");
  const toSign = ["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, digest].join("\n");
  const key = [date, region, service, "aws4_request"].reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  return hmac(key, toSign).toString("hex") === signature;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
