import { z } from "zod";

const record = z.record(z.string(), z.any());

/** The JSON object a response carries. */
export async function bodyOf(response: Response): Promise<z.infer<typeof record>> {
  return record.parse(await response.json());
}

/** Status and reason of a problem. */
export async function problemOf(response: Response): Promise<[number, unknown]> {
  return [response.status, (await bodyOf(response)).reason];
}
