import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeSettings } from "./describe.ts";
import { ConfigError, loadSettings, optionalSetting, Secret, setting } from "./settings.ts";
import * as types from "./types.ts";

type Case = [name: string, schema: Parameters<typeof setting>[1], good: [string, unknown][], bad: string[]];

const cases: Case[] = [
  [
    "integer",
    types.integer(-5, 65_535),
    [
      ["0", 0],
      ["-5", -5],
      ["65535", 65_535],
      [" 7 ", 7],
    ],
    ["65536", "-6", "1.5", "1e3", "0x10", "seven", "9".repeat(16), "１"],
  ],
  [
    "fraction",
    types.fraction(0, 1),
    [
      ["0", 0],
      ["1", 1],
      [".5", 0.5],
      ["0.35", 0.35],
    ],
    ["-0.1", "1.01", "-", ".", "NaN", "Infinity", "1e-3", "0.1.1"],
  ],
  [
    "byteSize",
    types.byteSize,
    [
      ["12", 12],
      ["50mb", 50e6],
      ["64 KiB", 65_536],
      ["1gib", 1024 ** 3],
    ],
    ["-1", "1.5mb", "50m", "mb", "50 megabytes", "999999999999gib"],
  ],
  [
    "duration",
    types.duration,
    [
      ["30s", 30_000],
      ["250ms", 250],
      ["10M", 600_000],
      ["2h", 7_200_000],
      ["1d", 86_400_000],
    ],
    ["30", "-1s", "1.5s", "soon", "1w"],
  ],
  [
    "flag",
    types.flag,
    [
      ["true", true],
      ["0", false],
      ["YES", true],
      ["no", false],
    ],
    ["on", "2", "truee"],
  ],
  ["oneOf", types.oneOf(["auto", "nats"]), [["nats", "nats"]], ["Nats", "toString", "auto,nats"]],
  ["text", types.text(3), [["abc", "abc"]], ["abcd"]],
  [
    "url",
    types.url("postgres", "postgresql"),
    [["postgres://u:p@h/db", "postgres://u:p@h/db"]],
    ["http://h", "h:5432", "postgres", "://"],
  ],
  [
    "grpcAddress",
    types.grpcAddress,
    [
      ["localhost:7001", "localhost:7001"],
      ["[::1]:7001", "[::1]:7001"],
      ["auth.default.svc:65535", "auth.default.svc:65535"],
      ["dns:///auth.ocelli.svc:7001", "dns:///auth.ocelli.svc:7001"],
    ],
    [
      "localhost",
      ":7001",
      "http://localhost:7001",
      "::1:7001",
      "a b:1",
      "localhost:65536",
      "localhost:0",
      "dns:///auth",
      "dns:///:1",
      "dns://8.8.8.8/auth:1",
    ],
  ],
];

describe.each(cases)("%s", (_, schema, good, bad) => {
  const settings = { value: setting("VALUE", schema, { doc: "A value." }) };

  test.each(good)("takes %j", (text, value) => {
    expect(loadSettings(settings, { VALUE: text }).value).toEqual(value);
  });

  test.each(bad)("refuses %j", (text) => {
    expect(() => loadSettings(settings, { VALUE: text })).toThrow(ConfigError);
  });

  test("never crashes, whatever the text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          loadSettings(settings, { VALUE: text });
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
    );
  });
});

test("lists every problem at once, naming variables and never showing their values", () => {
  const settings = {
    port: setting("PORT", types.integer(0, 10), { default: 1, doc: "Port." }),
    key: setting("KEY", types.secret, { doc: "The key." }),
    address: setting("ADDRESS", types.grpcAddress, { doc: "Where." }),
  };
  const load = () => loadSettings(settings, { PORT: "99", KEY: "short" });
  expect(load).toThrow(/PORT: .*KEY: .*ADDRESS is required: Where\./);
  expect(load).not.toThrow(/short/);
});

test("an unset or empty variable means the default, and nothing for an optional one", () => {
  const settings = {
    size: setting("SIZE", types.byteSize, { default: 5, doc: "Size." }),
    extra: optionalSetting("EXTRA", types.text(), { doc: "Extra." }),
  };
  for (const env of [{}, { SIZE: "", EXTRA: "  " }]) {
    expect(loadSettings(settings, env)).toEqual({ size: 5, extra: undefined });
  }
});

test("a secret never shows, only reveal() gives it", () => {
  const { key } = loadSettings(
    { key: setting("KEY", types.secret, { doc: "Key." }) },
    { KEY: "sixteen-letters-x" },
  );
  const shown = [
    JSON.stringify({ key }),
    inspect({ key }, { depth: 9, showHidden: true }),
    `${key}`,
    String(key),
    JSON.stringify(Object.entries(key)),
  ];
  for (const text of shown) expect(text).not.toContain("sixteen");
  expect(key.reveal()).toBe("sixteen-letters-x");
});

test("describes settings without giving secrets away", () => {
  const rows = describeSettings({
    port: setting("PORT", types.integer(0, 10), { default: 1, doc: "Port." }),
    size: setting("SIZE", types.byteSize, { default: 5_000_000, defaultDoc: "5mb", doc: "Size." }),
    needed: setting("NEEDED", types.text(), { doc: "Needed." }),
    extra: optionalSetting("EXTRA", types.text(), { doc: "Extra." }),
    key: setting("KEY", types.secret, {
      default: new Secret("sixteen-letters-x"),
      doc: "Key.",
      confidential: true,
    }),
  });
  expect(rows).toEqual([
    { env: "PORT", default: "1", doc: "Port.", confidential: false },
    { env: "SIZE", default: "5mb", doc: "Size.", confidential: false },
    { env: "NEEDED", default: "required", doc: "Needed.", confidential: false },
    { env: "EXTRA", default: "unset", doc: "Extra.", confidential: false },
    { env: "KEY", default: "generated", doc: "Key.", confidential: true },
  ]);
});
