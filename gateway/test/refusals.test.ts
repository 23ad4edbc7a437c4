import { expect, it } from "vitest";
import { problemOf } from "./json.ts";
import { startTestGateway } from "./running-gateway.ts";
import { defaultUserId } from "./tokens.ts";

it("a token that tries doors it does not open is seen in the log, a few times a minute, without itself", async () => {
  const logged: string[] = [];
  const test = await startTestGateway({}, (line) => void logged.push(line));
  try {
    const token = await test.signer.sign({ scope: "photos:read" });
    const headers = { authorization: `Bearer ${token}` };
    for (let count = 0; count < 25; count++) {
      expect(await problemOf(await test.call("/users", { headers }))).toEqual([403, "SCOPE_REQUIRED"]);
    }
    const refused = logged.map((line) => JSON.parse(line)).filter(({ msg }) => msg === "call refused");
    expect(refused).toHaveLength(10);
    expect(refused[0]).toMatchObject({
      level: 30,
      method: "GET /api/v1/users",
      reason: "SCOPE_REQUIRED",
      actor: "user",
      actorId: defaultUserId,
      grant: "session",
    });
    expect(logged.join()).not.toContain(token);
  } finally {
    await test.stop();
  }
});
