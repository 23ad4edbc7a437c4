import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Dockerfile, parseDockerfile, readPairs, type Step } from "./dockerfile.ts";
import { repository } from "./repository.ts";

/** One rule that a Dockerfile is held to: it answers with what breaks it. */
export type Rule = (content: string, targets: readonly string[]) => string[];

const secretName = /SECRET|PASSWORD|PASSWD|TOKEN|CREDENTIAL|(^|_)KEY(_|$)/i;
const passwordInUrl = /:\/\/[^\s/@]*:[^\s/@]+@/;
const exampleDigest = `sha256:${"0".repeat(64)}`;

/** Rules by name, in the spirit of hadolint, and those of this repository. */
export const rules: Readonly<Record<string, Rule>> = {
  "every target exists": (content, targets) => {
    const { stages } = parseDockerfile(content);
    return targets.filter((name) => !stages.some((stage) => stage.name === name));
  },
  "bases have an exact tag": (content) =>
    images(parseDockerfile(content)).filter((image) => !/:\d+\.\d+\.\d+[\w.-]*$/.test(image)),
  "bases take a digest": (content) => {
    const { args } = parseDockerfile(content);
    const digests = Object.keys(args).filter((name) => name.endsWith("_DIGEST"));
    const given = Object.fromEntries(digests.map((name) => [name, exampleDigest]));
    return images(parseDockerfile(content, given)).filter((image) => !image.endsWith(`@${exampleDigest}`));
  },
  "targets run as a user with a number that is not root's": (content, targets) =>
    targets.filter((name) => {
      const user = findLast(parseDockerfile(content), name, "USER")?.text ?? "";
      return !/^[1-9]\d*:[1-9]\d*$/.test(user);
    }),
  "what is started has the exec form": (content) =>
    allSteps(content)
      .filter(({ keyword, exec }) => ["ENTRYPOINT", "CMD", "HEALTHCHECK"].includes(keyword) && !exec)
      .map(describe),
  "targets start the command line": (content, targets) =>
    targets.filter((name) => {
      const entrypoint = findLast(parseDockerfile(content), name, "ENTRYPOINT");
      return entrypoint?.words.at(-1) !== "/app/cli/src/main.ts";
    }),
  "targets run their own service": (content, targets) =>
    targets.filter((name) => {
      const command = findLast(parseDockerfile(content), name, "CMD")?.words.join(" ");
      return command !== (name === "all" ? "up" : `serve ${name}`);
    }),
  "targets check the health of their own service": (content, targets) =>
    targets.filter((name) => {
      const stage = parseDockerfile(content).stages.find((each) => each.name === name);
      const command = stage?.steps
        .find(({ keyword }) => keyword === "HEALTHCHECK")
        ?.words.slice(3)
        .join(" ");
      return command !== (name === "all" ? "health" : `health ${name}`);
    }),
  "targets name their signal": (content, targets) =>
    targets.filter((name) => findLast(parseDockerfile(content), name, "STOPSIGNAL")?.text !== "SIGTERM"),
  "targets say what they are": (content, targets) =>
    targets.filter((name) => {
      const labels = chain(parseDockerfile(content), name)
        .filter(({ keyword }) => keyword === "LABEL")
        .map(readPairs);
      const known = Object.assign({}, ...labels);
      const wanted = ["title", "description", "version", "revision", "licenses", "base.name"];
      return wanted.some((each) => !known[`org.opencontainers.image.${each}`]);
    }),
  "nothing is fetched by ADD": (content) => having(content, "ADD"),
  "COPY names what it copies": (content) =>
    allSteps(content)
      .filter(({ keyword, flags }) => keyword === "COPY" && !flags.from)
      .filter(({ words }) => words.slice(0, -1).some((source) => /^\.?\/?$|\*/.test(source)))
      .map(describe),
  "COPY finds its sources": (content) =>
    allSteps(content)
      .filter(({ keyword, flags }) => keyword === "COPY" && !flags.from)
      .flatMap(({ words }) => words.slice(0, -1))
      .filter((source) => !existsSync(join(repository, source))),
  "COPY --from names an earlier stage": (content) => {
    const { stages } = parseDockerfile(content);
    return stages.flatMap((stage, index) => {
      const earlier = stages.slice(0, index).map(({ name }) => name);
      return stage.steps
        .filter(({ keyword, flags }) => keyword === "COPY" && flags.from && !earlier.includes(flags.from))
        .map(describe);
    });
  },
  "stages have different names": (content) => {
    const names = parseDockerfile(content).stages.map(({ name }) => name);
    return names.filter((name, index) => name === "" || names.indexOf(name) !== index);
  },
  "folders are absolute": (content) =>
    allSteps(content)
      .filter(({ keyword, text }) => keyword === "WORKDIR" && !text.startsWith("/"))
      .map(describe),
  "no secret is built in": (content) => {
    const { args } = parseDockerfile(content);
    const steps = allSteps(content).filter(({ keyword }) => ["ENV", "ARG", "LABEL"].includes(keyword));
    const pairs = [...Object.entries(args), ...steps.flatMap((step) => namesAndValues(step))];
    const named = pairs.filter(([name, value]) => secretName.test(name) || passwordInUrl.test(value));
    return named.map(([name]) => name);
  },
  "pnpm is an exact version, with the lock file and without scripts and development": (content) =>
    allSteps(content)
      .filter(({ keyword, text }) => keyword === "RUN" && /\bpnpm\b|\bnpm (install|ci)\b/.test(text))
      .filter(({ text }) => {
        const flags = ["--prod", "--frozen-lockfile", "--ignore-scripts"];
        return !/ pnpm@\d+\.\d+\.\d+ install /.test(text) || flags.some((flag) => !text.includes(flag));
      })
      .map(describe),
  "apt leaves nothing behind": (content) =>
    allSteps(content)
      .filter(({ keyword, text }) => keyword === "RUN" && /apt(-get)? .*install/.test(text))
      .filter(
        ({ text }) =>
          !text.includes("--no-install-recommends") || !text.includes("rm -rf /var/lib/apt/lists"),
      )
      .map(describe),
  "nothing is run that was just fetched, nor with more rights": (content) =>
    allSteps(content)
      .filter(({ keyword, text }) => keyword === "RUN" && /\b(curl|wget|sudo)\b|chmod .*777/.test(text))
      .map(describe),
};

/** Images that are fetched, arguments in place. */
function images({ stages }: Dockerfile): string[] {
  const names = stages.map(({ name }) => name);
  return stages
    .map(({ base }) => base)
    .filter((base) => base !== "scratch" && !names.includes(base) && !/^models-/.test(base));
}

/** Steps of a stage and of all that it stands on, in the order in which they happen. */
function chain(dockerfile: Dockerfile, name: string): Step[] {
  const stage = dockerfile.stages.find((each) => each.name === name);
  return stage ? [...chain(dockerfile, stage.base), ...stage.steps] : [];
}

function findLast(dockerfile: Dockerfile, stage: string, keyword: string): Step | undefined {
  return chain(dockerfile, stage).findLast((step) => step.keyword === keyword);
}

function allSteps(content: string): Step[] {
  return parseDockerfile(content).stages.flatMap(({ steps }) => steps);
}

function having(content: string, keyword: string): string[] {
  return allSteps(content)
    .filter((step) => step.keyword === keyword)
    .map(describe);
}

function describe({ line, keyword, text }: Step): string {
  return `${line}: ${keyword} ${text}`;
}

/** Also arguments without a value. */
function namesAndValues(step: Step): [string, string][] {
  const pairs = Object.entries(readPairs(step));
  return pairs.length > 0 ? pairs : step.words.map((word) => [word, ""]);
}
