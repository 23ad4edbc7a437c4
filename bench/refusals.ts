import { AppError, createRpcClient } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import { z } from "zod";
import { type Figure, median } from "./figures.ts";
import { type Mesh, serviceAddress } from "./mesh.ts";

const group = "access";
const password = "correct horse battery staple";
const giveUpMs = 30_000;

/** From sending a logout to the first refusal of the session's token: at the gateway, and at a service behind it. */
export async function measureRefusals(mesh: Mesh, count: number): Promise<Figure[]> {
  const library = createRpcClient(libraryV1.LibraryServiceDefinition, {
    address: serviceAddress(mesh, "library"),
  });
  const listPhotos = (bearer: string) =>
    refusedAt(async () => {
      const answer = await library.client
        .listPhotos({ pageSize: 1, pageToken: "" }, { bearer })
        .catch(AppError.from);
      return answer instanceof AppError && answer.reason === "TOKEN_REVOKED";
    });
  const gateway: number[] = [];
  const service: number[] = [];
  try {
    for (let index = 0; index < count; index += 1) {
      const { accessToken, refreshToken } = await logIn(mesh);
      const startedAt = performance.now();
      const [atService, atGateway] = await Promise.all([
        listPhotos(accessToken),
        mesh.client
          .post("/auth/logout", { refreshToken })
          .then(() => refusedAt(() => isRefused(mesh, accessToken))),
      ]);
      gateway.push(atGateway - startedAt);
      service.push(atService - startedAt);
    }
    return [
      { group, name: "logout until the gateway refuses, p50", value: median(gateway), unit: "ms" },
      { group, name: "logout until the library refuses, p50", value: median(service), unit: "ms" },
    ];
  } finally {
    library.close();
  }
}

/** When a probe first said yes; asked again and again, one at a time. */
async function refusedAt(probe: () => Promise<boolean>): Promise<number> {
  const startedAt = performance.now();
  while (!(await probe())) {
    if (performance.now() - startedAt > giveUpMs) throw new Error("an ended session is not refused");
  }
  return performance.now();
}

async function isRefused(mesh: Mesh, token: string): Promise<boolean> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${mesh.process.address}/api/v1/users/me`, { headers });
  await response.arrayBuffer();
  return response.status === 401;
}

async function logIn({ client }: Mesh): Promise<{ accessToken: string; refreshToken: string }> {
  const response = await client.post("/auth/login", { email: "access@example.org", password });
  return z.object({ accessToken: z.string(), refreshToken: z.string() }).parse(await response.json());
}
