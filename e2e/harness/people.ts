import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { Client } from "./client.ts";

/** A person as the gateway answers it. */
export const personSchema = z.strictObject({
  id: z.uuid(),
  name: z.string().nullable(),
  hidden: z.boolean(),
  favorite: z.boolean(),
  birthDate: z.string().nullable(),
  coverFaceId: z.uuid().nullable(),
  faceCount: z.int(),
  photoCount: z.int(),
  source: z.enum(["MODEL", "USER"]).nullable(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});

/** A face as its owner sees it. */
export const faceSchema = z.strictObject({
  id: z.uuid(),
  box: z.strictObject({ x: z.number(), y: z.number(), width: z.number(), height: z.number() }),
  score: z.number(),
  quality: z.number(),
  personId: z.uuid().nullable(),
  personName: z.string().nullable(),
  photoId: z.uuid(),
  source: z.enum(["MODEL", "USER"]).nullable(),
  similarity: z.number().min(0).max(1),
  createdAt: z.iso.datetime(),
});

/** A merge as the gateway lists it. */
export const mergeSchema = z.object({
  id: z.uuid(),
  survivorId: z.uuid(),
  personIds: z.array(z.uuid()),
  undoneAt: z.string().nullable(),
});

/** What a search by face answers. */
export const faceSearchSchema = z.strictObject({
  faces: z.array(
    z.strictObject({
      box: faceSchema.shape.box,
      score: z.number(),
      quality: z.number(),
      unknown: z.boolean(),
      matches: z.array(
        z.strictObject({
          personId: z.uuid(),
          personName: z.string().nullable(),
          similarity: z.number().min(0).max(1),
        }),
      ),
    }),
  ),
  model: z.string(),
  ms: z.number(),
});

const suggestionSchema = z.object({ person: personSchema, other: personSchema, score: z.number() });
const regroupingSchema = z.object({ started: z.boolean(), running: z.boolean() });

/** See {@link personSchema}. */
export type PersonJson = z.infer<typeof personSchema>;
/** See {@link faceSchema}. */
export type FaceJson = z.infer<typeof faceSchema>;

/** One user's persons, through the gateway. */
export function peopleOf(client: Client) {
  async function read<S extends z.ZodType>(schema: S, answer: Promise<Response>): Promise<z.infer<S>> {
    const response = await answer;
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return schema.parse(await response.json());
  }
  const list = <S extends z.ZodType>(schema: S, path: string) =>
    read(z.object({ items: z.array(schema) }), client.request(path));

  return {
    list: async (query = "") => (await list(personSchema, `/people${query}`)).items,
    get: (id: string) => read(personSchema, client.request(`/people/${id}`)),
    change: (id: string, body: object) => read(personSchema, client.send("PATCH", `/people/${id}`, body)),
    make: (faceIds: string[], name: string) => read(personSchema, client.post("/people", { faceIds, name })),
    faces: async (id: string) => (await list(faceSchema, `/people/${id}/faces?pageSize=200`)).items,
    photoIds: async (id: string) =>
      (await list(z.object({ id: z.uuid() }), `/people/${id}/photos`)).items.map((photo) => photo.id),
    face: (id: string) => read(faceSchema, client.request(`/faces/${id}`)),
    assign: (id: string, personId: string | null) =>
      read(faceSchema, client.send("PATCH", `/faces/${id}`, { personId })),
    reject: (id: string, personId: string) =>
      read(faceSchema, client.post(`/faces/${id}/reject`, { personId })),
    nobodys: async () => (await list(faceSchema, "/faces?pageSize=200")).items,
    merge: (id: string, personIds: string[]) =>
      read(mergeSchema.extend({ person: personSchema }), client.post(`/people/${id}/merge`, { personIds })),
    undo: (id: string) =>
      read(mergeSchema.extend({ people: z.array(personSchema) }), client.send("POST", `/merges/${id}/undo`)),
    merges: async () => (await list(mergeSchema, "/merges")).items,
    suggestions: async () => (await list(suggestionSchema, "/people/suggestions")).items,
    answer: (personId: string, otherId: string, same: boolean) =>
      read(
        z.object({ merge: mergeSchema.nullable() }),
        client.post("/people/suggestions", { personId, otherId, same }),
      ),
    search: (bytes: Uint8Array<ArrayBuffer>) =>
      read(faceSearchSchema, client.sendFile("/faces/search", bytes, "face.jpg")),

    /** Groups the faces again and waits for the end. */
    async regroup(): Promise<void> {
      await read(regroupingSchema, client.send("POST", "/people/regroup"));
      await until(async () => !(await read(regroupingSchema, client.request("/people/regroup"))).running);
    },

    /** Scans photos again and waits for the end. */
    async scan(photoIds: string[]): Promise<void> {
      const { id } = await read(
        z.object({ id: z.string() }),
        client.post("/jobs", { photoIds, stages: ["faces"] }),
      );
      const job = z.object({ status: z.string() });
      await until(async () => (await read(job, client.request(`/jobs/${id}`))).status === "SUCCEEDED");
      for (const photoId of photoIds) await client.analysed(photoId);
    },
  };
}

/** See {@link peopleOf}. */
export type People = ReturnType<typeof peopleOf>;

/** Waits until something holds. */
export async function until(holds: () => Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !(await holds()); await delay(50)) {
    if (Date.now() > deadline) throw new Error(`not so within ${timeoutMs} ms: ${holds}`);
  }
}
