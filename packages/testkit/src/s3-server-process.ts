import type { IncomingMessage } from "node:http";
import { createRequire } from "node:module";
import type { S3ServerSettings } from "./s3-server.ts";
import { isSignedWith } from "./s3-signature.ts";

// The server itself: started by `startS3Server` with its settings as argument.

interface Context {
  req: IncomingMessage;
  status: number;
  type: string;
  body: string;
}
interface S3rver {
  middleware: Array<(context: Context, next: () => Promise<void>) => Promise<void>>;
  run(): Promise<{ port: number }>;
}
interface Account {
  createKeyPair(accessKeyId: string, secretAccessKey: string): void;
}

// Neither comes with types.
const require = createRequire(import.meta.url);
const S3rverClass = require("s3rver") as new (options: object) => S3rver;
const { DUMMY_ACCOUNT: account } = require("s3rver/lib/models/account.js") as { DUMMY_ACCOUNT: Account };

const settings = JSON.parse(process.argv[2] ?? "") as S3ServerSettings; // what startS3Server wrote
account.createKeyPair(settings.accessKeyId, settings.secretAccessKey);
process.on("disconnect", () => process.exit());
const server = new S3rverClass({
  address: "127.0.0.1",
  port: settings.port,
  directory: settings.directory,
  silent: true,
  configureBuckets: [{ name: settings.bucket, configs: [] }],
});
// It looks at the access key only.
server.middleware.unshift(async (context, next) => {
  const isKnown = context.req.headers.authorization?.includes(`Credential=${settings.accessKeyId}/`);
  if (!isKnown || isSignedWith(context.req, settings.secretAccessKey)) return next();
  context.status = 403;
  context.type = "application/xml";
  context.body = "<Error><Code>SignatureDoesNotMatch</Code><Message>The signature differs.</Message></Error>";
});
const { port } = await server.run();
process.send?.({ port });
