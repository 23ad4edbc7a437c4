import { expect, test } from "vitest";
import {
  hashRefreshToken,
  isRefreshToken,
  newRefreshToken,
  openSuccessor,
  sealSuccessor,
} from "./refresh-tokens.ts";

test("a refresh token has 256 bits and a recognisable form", () => {
  const token = newRefreshToken();
  expect(Buffer.from(token.slice("ocelli_rt_".length), "base64url")).toHaveLength(32);
  expect(isRefreshToken(token)).toBe(true);
  expect(isRefreshToken(`${token}\n`)).toBe(false);
  expect(hashRefreshToken(token)).toHaveLength(32);
});

test("only the token itself opens its sealed successor", () => {
  const [token, successor] = [newRefreshToken(), newRefreshToken()];
  const sealed = sealSuccessor(token, successor);
  expect(openSuccessor(token, sealed)).toBe(successor);
  expect(() => openSuccessor(newRefreshToken(), sealed)).toThrow();
  sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1;
  expect(() => openSuccessor(token, sealed)).toThrow();
});
