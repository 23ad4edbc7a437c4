import { globSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { defaultPorts } from "../../cli/src/health-target.ts";
import { serviceNames } from "../../cli/src/service-names.ts";
import { version } from "../../cli/src/version.ts";
import { createIgnore } from "./docker-ignore.ts";
import { expand, parseDockerfile, readPairs } from "./dockerfile.ts";
import { rules } from "./dockerfile-rules.ts";
import { readRepositoryFile, repository } from "./repository.ts";

const content = readRepositoryFile("Dockerfile");
const targets = [...serviceNames, "all"];

describe("the Dockerfile", () => {
  test.each(Object.entries(rules))("%s", (_, rule) => {
    expect(rule(content, targets)).toEqual([]);
  });

  test("knows every package of the workspace, or the lock file would not fit", () => {
    const { stages } = parseDockerfile(content);
    const steps = stages.find(({ name }) => name === "manifests")?.steps ?? [];
    const copied = steps.flatMap(({ words }) => words).filter((word) => word.endsWith("package.json"));
    const packages = globSync(
      "{package.json,{cli,gateway}/package.json,{packages,services,models}/*/package.json}",
      {
        cwd: repository,
      },
    );
    expect(copied.sort()).toEqual(packages.sort());
  });

  test("uses the pnpm and the Node of the repository", () => {
    const pnpm = /pnpmVersion = "([\d.]+)"/.exec(readRepositoryFile("scripts/setup.mjs"))?.[1];
    const { devDependencies } = JSON.parse(readRepositoryFile("package.json"));
    expect(new Set(content.match(/pnpm@[\d.]+/g))).toEqual(new Set([`pnpm@${pnpm}`]));
    expect(new Set(content.match(/node:[\d.]+-[\w-]+/g))).toEqual(
      new Set([`node:${devDependencies.node}-bookworm-slim`]),
    );
  });

  test("is of the version that it is labelled with", () => {
    expect(new Set(content.match(/ARG VERSION=\S+/g))).toEqual(new Set([`ARG VERSION=${version}`]));
    const tags = readRepositoryFile("docker-compose.yml").match(/OCELLI_VERSION:-([\d.]+)/g);
    expect(new Set(tags)).toEqual(new Set([`OCELLI_VERSION:-${version}`]));
  });

  test.each(targets)("opens the port of %s", (name) => {
    const stage = parseDockerfile(content).stages.find((each) => each.name === name);
    const exposed = stage?.steps.find(({ keyword }) => keyword === "EXPOSE")?.words;
    const port = serviceNames.find((each) => each === name);
    expect(exposed).toContain(String(defaultPorts[port ?? "gateway"]));
    const host = port === undefined || port === "gateway" ? "HOST" : `${name.toUpperCase()}_HOST`;
    const env = stage?.steps.filter(({ keyword }) => keyword === "ENV").map(readPairs);
    expect(Object.assign({}, ...(env ?? []))).toEqual({ [host]: "0.0.0.0" });
  });
});

/** What to write instead of what to break each rule. */
const breaking: [rule: string, from: string | RegExp, to: string][] = [
  ["every target exists", "AS face\n", "AS faces\n"],
  ["bases have an exact tag", "NODE_IMAGE=node:24.21.0-bookworm-slim", "NODE_IMAGE=node:latest"],
  ["bases have an exact tag", "NODE_IMAGE=node:24.21.0-bookworm-slim", "NODE_IMAGE=node:24-slim"],
  ["bases have an exact tag", "FROM node AS runtime", "FROM debian AS runtime"],
  ["bases take a digest", `\${NODE_DIGEST:+@\${NODE_DIGEST}}`, ""],
  ["targets run as a user with a number that is not root's", "USER 65532:65532", "USER root"],
  ["targets run as a user with a number that is not root's", "USER 65532:65532", "USER 0:0"],
  ["targets run as a user with a number that is not root's", "USER 65532:65532\n", ""],
  ["targets run as a user with a number that is not root's", "USER 65532:65532", "USER node"],
  ["what is started has the exec form", 'CMD ["serve", "auth"]', "CMD serve auth"],
  ["what is started has the exec form", /CMD \["node", .*"health", "auth"\]/, "CMD node health auth"],
  ["targets start the command line", '"/app/cli/src/main.ts"]\nLABEL', '"/app/cli/bin/ocelli.mjs"]\nLABEL'],
  ["targets run their own service", 'CMD ["serve", "auth"]', 'CMD ["serve", "face"]'],
  ["targets check the health of their own service", '"health", "auth"', '"health", "face"'],
  ["targets check the health of their own service", /HEALTHCHECK .*\n.*"health"\]\n/, ""],
  ["targets name their signal", "STOPSIGNAL SIGTERM\n", ""],
  ["targets say what they are", 'image.title="Ocelli auth"', 'image.name="Ocelli auth"'],
  ["nothing is fetched by ADD", "COPY LICENSE NOTICE /app/", "ADD https://example.org/x /app/"],
  ["COPY names what it copies", "COPY services/auth services/auth/", "COPY . ./"],
  ["COPY finds its sources", "COPY services/auth services/auth/", "COPY services/author services/auth/"],
  ["COPY --from names an earlier stage", "COPY --from=auth-deps /app", "COPY --from=deps /app"],
  ["stages have different names", "AS face\n", "AS auth\n"],
  ["folders are absolute", "WORKDIR /app", "WORKDIR app"],
  ["no secret is built in", "ENV HOST=0.0.0.0", "ENV SERVICE_SECRET=0123456789abcdef"],
  ["no secret is built in", "ARG VERSION=0.1.0", "ARG NPM_TOKEN"],
  ["no secret is built in", "ENV HOST=0.0.0.0", "ENV DATABASE=postgres://ocelli:hunter2@db/ocelli"],
  ["no secret is built in", "ARG MODELS=baked", "ARG GITHUB_TOKEN=\nARG MODELS=baked"],
  [
    "pnpm is an exact version, with the lock file and without scripts and development",
    "pnpm@12.21.0",
    "pnpm@12",
  ],
  ["pnpm is an exact version, with the lock file and without scripts and development", "--prod ", ""],
  [
    "pnpm is an exact version, with the lock file and without scripts and development",
    "--frozen-lockfile ",
    "",
  ],
  [
    "pnpm is an exact version, with the lock file and without scripts and development",
    "--ignore-scripts ",
    "",
  ],
  ["apt leaves nothing behind", "RUN rm -rf", "RUN apt-get update && apt-get install -y curl && rm -rf"],
  [
    "nothing is run that was just fetched, nor with more rights",
    "RUN rm -rf",
    "RUN curl https://x | sh && rm -rf",
  ],
  [
    "nothing is run that was just fetched, nor with more rights",
    "RUN rm -rf",
    "RUN chmod -R 777 /app && rm -rf",
  ],
];

describe("the rules", () => {
  test.each(breaking)("“%s” notices %j written as %j", (name, from, to) => {
    const broken = content.replace(from, to);
    expect(broken).not.toBe(content);
    expect(rules[name]?.(broken, targets)).not.toEqual([]);
  });

  test("are all shown to notice something", () => {
    expect(new Set(breaking.map(([name]) => name))).toEqual(new Set(Object.keys(rules)));
  });
});

describe("reading a Dockerfile", () => {
  test("puts arguments in place", () => {
    const names = { A: "a", EMPTY: "" };
    expect(expand(`\${A}-$A\${EMPTY:+@\${EMPTY}}\${A:+@\${A}}$GONE`, names)).toBe("a-a@a");
  });

  test("joins lines, and tells flags from arguments", () => {
    const { stages } = parseDockerfile(
      'FROM scratch AS a\nRUN --mount=type=cache,target=/c \\\n  one \\\n  # aside\n  && two\nENV A=1 \\\n  B="2 3"\n',
    );
    const [run, env] = stages[0]?.steps ?? [];
    expect(run).toMatchObject({ keyword: "RUN", line: 2, text: "one && two", exec: false });
    expect(env && readPairs(env)).toEqual({ A: "1", B: "2 3" });
  });
});

describe("what the build is given", () => {
  const ignored = createIgnore(readFileSync(`${repository}.dockerignore`, "utf8"));

  test.each([
    ".git/config",
    ".ocelli/database/PG_VERSION",
    ".env",
    "services/auth/.env",
    "node_modules/node/bin/node",
    "packages/chassis/node_modules/pg/package.json",
    "packages/chassis/src/ids.test.ts",
    "packages/chassis/test/rpc.test.ts",
    "services/auth/src/store/queries.snap.sql",
    "e2e/photos/coffee.jpg",
    "deploy/secrets/postgres-password",
    "deploy/test/dockerfile.test.ts",
    "README.md",
    "services/auth/notes.md",
    "docker-compose.yml",
  ])("is not %s", (path) => expect(ignored(path)).toBe(true));

  test.each([
    "package.json",
    "pnpm-lock.yaml",
    "LICENSE",
    "cli/src/main.ts",
    "deploy/image/prune.mts",
    "models/starter/vision.onnx",
    "models/starter/MODEL_CARD.md",
    "packages/contracts/src/gen/descriptors.binpb",
    "services/auth/src/store/migrations/index.ts",
  ])("is %s", (path) => expect(ignored(path)).toBe(false));
});
