import { createRoute, z } from "@hono/zod-openapi";
import { invalidArgument } from "@ocelli/chassis";
import type { sceneV1 } from "@ocelli/contracts";
import type { GatewayContext } from "../context.ts";
import type { FilePart } from "../multipart.ts";
import { validationError } from "../problem.ts";
import { forwardFile } from "../uploads.ts";
import { toObjectView } from "../views/results.ts";
import { boxSchema } from "../views/schemas.ts";
import { bearer, createRouter, fileBody, json, problemResponse, type RouteDeps } from "./shared.ts";

const optionsSchema = z.strictObject({
  confidence: z
    .string()
    .regex(/^(0(\.\d{1,9})?|1(\.0{1,9})?)$/, "must be a number from 0 to 1")
    .transform(Number)
    .optional()
    .openapi({ type: "number", description: "Least confidence, 0..1." }),
  classes: z.string().max(2000).optional().openapi({
    description: "Comma-separated COCO class names to keep; empty keeps all.",
    example: "person,dog",
  }),
});

const detectionsSchema = z
  .object({
    detections: z.array(z.object({ label: z.string(), confidence: z.number(), box: boxSchema })),
    width: z.int().openapi({ description: "Upright width in pixels." }),
    height: z.int().openapi({ description: "Upright height in pixels." }),
    model: z.string(),
    ms: z.number().openapi({ description: "Milliseconds spent by the model." }),
  })
  .openapi("Detections");

/** Object detection without storing anything. */
export function detectRoutes(deps: RouteDeps) {
  const router = createRouter();
  router.openapi(
    createRoute({
      method: "post",
      path: "/detect/image",
      tags: ["detect"],
      summary: "Detect objects in an image",
      description:
        "Nothing is stored. `confidence` and `classes` are query parameters, or form fields that come before the file.",
      security: bearer,
      middleware: [deps.requireScope("analyze")],
      request: {
        query: optionsSchema,
        body: fileBody({
          confidence: { type: "number", description: "Least confidence, 0..1." },
          classes: { type: "string", description: "Comma-separated class names." },
        }),
      },
      responses: { 200: json("What was found, best first.", detectionsSchema), ...problemResponse },
    }),
    async (c) => c.json(await detect(deps, c, c.req.valid("query")), 200),
  );
  return router;
}

async function detect(
  { clients, config, detectionSlots }: RouteDeps,
  c: GatewayContext,
  query: z.output<typeof optionsSchema>,
): Promise<z.infer<typeof detectionsSchema>> {
  const release = detectionSlots.take(c.get("caller").userId);
  try {
    const answer = await forwardFile(c, config, (part, options) => {
      const messages = detectMessages(part, { ...readFields(part), ...query });
      return clients.scene.detectObjects(messages, options);
    });
    const detections = answer.objects
      .map(toObjectView)
      .map(({ label, score, box }) => ({ label, confidence: score, box }));
    const { model = "", ms = 0 } = answer.provenance ?? {};
    return { detections, width: answer.width, height: answer.height, model, ms };
  } finally {
    release();
  }
}

function readFields({ fields }: FilePart): z.output<typeof optionsSchema> {
  const known = [...fields].filter(([name]) => name in optionsSchema.shape);
  const parsed = optionsSchema.safeParse(Object.fromEntries(known));
  if (!parsed.success) throw validationError(parsed.error);
  return parsed.data;
}

async function* detectMessages(
  part: FilePart,
  { confidence = 0, classes = "" }: z.output<typeof optionsSchema>,
): AsyncGenerator<sceneV1.DetectObjectsRequest> {
  const labels = classes.split(",").flatMap((label) => label.trim() || []);
  if (labels.length > 100) throw invalidArgument("INVALID_ARGUMENT", "At most 100 classes may be named.");
  yield { part: { $case: "options", value: { minScore: confidence, labels } } };
  for await (const chunk of part.chunks) yield { part: { $case: "chunk", value: chunk } };
}
