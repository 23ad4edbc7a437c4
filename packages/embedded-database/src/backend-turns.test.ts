import { expect, test } from "vitest";
import { BackendTurns } from "./backend-turns.ts";

/** Lets everything that can go on go on. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("a free turn is taken at once, and again by its holder", async () => {
  const turns = new BackendTurns();
  const client = {};
  await turns.take(client);
  await turns.take(client);
  expect(turns.holds(client)).toBe(true);
});

test("others wait and come in the order they asked", async () => {
  const turns = new BackendTurns();
  const clients = [{ name: "a" }, { name: "b" }, { name: "c" }];
  const order: string[] = [];
  for (const client of clients) void turns.take(client).then(() => order.push(client.name));
  await settle();
  expect(order).toEqual(["a"]);
  for (const client of clients) {
    expect(clients.filter((each) => turns.holds(each))).toEqual([client]);
    turns.release(client);
    await settle();
  }
  expect(order).toEqual(["a", "b", "c"]);
  expect(clients.some((client) => turns.holds(client))).toBe(false);
});

test("who does not hold the turn cannot pass it on", async () => {
  const turns = new BackendTurns();
  const [holder, other] = [{}, {}];
  await turns.take(holder);
  turns.release(other);
  expect(turns.holds(holder)).toBe(true);
  turns.release(holder);
  turns.release(holder);
  await turns.take(other);
  expect(turns.holds(other)).toBe(true);
});

test("never has two holders under load", async () => {
  const turns = new BackendTurns();
  let inside = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      const client = {};
      for (let round = 0; round < 5; round++) {
        await turns.take(client);
        inside += 1;
        most = Math.max(most, inside);
        await settle();
        inside -= 1;
        turns.release(client);
      }
    }),
  );
  expect(most).toBe(1);
});
