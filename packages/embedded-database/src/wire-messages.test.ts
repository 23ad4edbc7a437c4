import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MessageSplitter, syncMessage } from "./wire-messages.ts";

function untyped(code: number, body = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + body.length, 0);
  head.writeInt32BE(code, 4);
  return Buffer.concat([head, body]);
}

function typed(type: string, body: string | Buffer = ""): Buffer {
  const bytes = Buffer.from(body);
  const head = Buffer.alloc(5, type);
  head.writeInt32BE(4 + bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

const protocol3 = 196_608;
const startup = untyped(protocol3, Buffer.from("user\0postgres\0\0"));

test("a session: encryption is asked for twice, then start-up, then typed messages", () => {
  const splitter = new MessageSplitter();
  const sent = [untyped(80_877_103), untyped(80_877_104), startup, typed("Q", "select 1\0"), typed("X")];
  const messages = splitter.push(Buffer.concat(sent));
  expect(messages.map(({ kind }) => kind)).toEqual([
    "encryption-request",
    "encryption-request",
    "startup",
    "query",
    "query",
  ]);
  expect(messages[3]).toEqual({ kind: "query", type: "Q", bytes: Uint8Array.from(sent[3] ?? []) });
});

test("a cancel request is known as such", () => {
  const messages = new MessageSplitter().push(untyped(80_877_102, Buffer.alloc(8)));
  expect(messages).toEqual([{ kind: "cancel-request" }]);
});

test("messages are the same whatever pieces they arrive in", () => {
  const body = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
  const message = fc.tuple(fc.constantFrom("Q", "P", "B", "E", "S", "d"), body);
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 9 })),
      (list, cuts) => {
        const sent = list.map(([type, bytes]) => typed(type, bytes));
        const all = Buffer.concat([startup, ...sent]);
        const splitter = new MessageSplitter();
        const got = [];
        for (let offset = 0, turn = 0; offset < all.length; turn++) {
          const size = cuts[turn % Math.max(1, cuts.length)] ?? all.length;
          got.push(...splitter.push(all.subarray(offset, offset + size)));
          offset += size;
        }
        expect(got.slice(1).map((each) => "bytes" in each && Buffer.from(each.bytes))).toEqual(sent);
      },
    ),
  );
});

test("a message does not share memory with the socket's buffer, which is reused", () => {
  const splitter = new MessageSplitter();
  splitter.push(startup);
  const chunk = typed("Q", "select 1\0");
  const [message] = splitter.push(chunk);
  chunk.fill(0);
  expect(message).toMatchObject({ type: "Q" });
  expect(message && "bytes" in message && Buffer.from(message.bytes).toString()).toContain("select 1");
});

describe("what is no message is refused at once", () => {
  const withLength = (length: number) => {
    const bytes = typed("Q", "12345678");
    bytes.writeInt32BE(length, 1);
    return bytes;
  };
  test.each([0, 3, -1, -(2 ** 31), 65 * 1024 * 1024, 2 ** 31 - 1])("length %d", (length) => {
    const splitter = new MessageSplitter();
    splitter.push(startup);
    expect(() => splitter.push(withLength(length))).toThrow(RangeError);
  });

  test("text of another protocol", () => {
    expect(() => new MessageSplitter().push(Buffer.from("GET / HTTP/1.1\r\n\r\n"))).toThrow(RangeError);
  });
});

test("a Sync is a whole message", () => {
  const splitter = new MessageSplitter();
  splitter.push(startup);
  expect(splitter.push(Buffer.from(syncMessage))).toMatchObject([{ kind: "query", type: "S" }]);
});
