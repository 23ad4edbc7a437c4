import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { createIgnore } from "./docker-ignore.ts";
import { type Dockerfile, expand, readPairs, type Stage, type Step } from "./dockerfile.ts";
import { readRepositoryFile, repository } from "./repository.ts";

/** A target of the Dockerfile, built without Docker: its file system is a folder. */
export interface ImageFolder {
  /** Folder that stands for `/`. */
  root: string;
  workdir: string;
  /** ENV, paths moved into the folder. */
  env: Record<string, string>;
  /** ENTRYPOINT, CMD and HEALTHCHECK, paths moved into the folder. */
  entrypoint: string[];
  command: string[];
  healthcheck: string[];
  /** `uid:gid`. */
  user: string;
}

/** Builds targets of one Dockerfile; stages that several of them stand on are built once. */
export interface ImageBuilder {
  build(target: string): ImageFolder;
  /** Removes everything. */
  dispose(): void;
}

interface Built extends ImageFolder {
  args: Record<string, string>;
}

/**
 * Runs the instructions of a Dockerfile as they are written, each stage in a folder of its own. What belongs to the base
 * image is not there: Node is the one that runs this. RUN has no sandbox here, so only our own Dockerfile belongs in.
 */
export function createImageBuilder(dockerfile: Dockerfile): ImageBuilder {
  const folder = mkdtempSync(join(tmpdir(), "ocelli-image-"));
  // Services run as somebody else, who has to get here.
  execFileSync("chmod", ["755", folder]);
  const ignored = createIgnore(readRepositoryFile(".dockerignore"));
  const built = new Map<string, Built>();

  function buildStage(name: string): Built {
    const known = built.get(name);
    if (known) return known;
    const stage = dockerfile.stages.find((each) => each.name === name);
    if (!stage) throw new Error(`there is no stage ${name}`);
    const image = openStage(stage);
    for (const step of stage.steps) apply(step, image);
    built.set(name, image);
    return image;
  }

  function openStage(stage: Stage): Built {
    const root = join(folder, stage.name);
    const base = dockerfile.stages.some((each) => each.name === stage.base)
      ? buildStage(stage.base)
      : undefined;
    if (!base) {
      mkdirSync(root);
      return { ...emptyImage, root };
    }
    // Links cost nothing; nothing below writes into a file that is there.
    execFileSync("cp", ["--archive", "--link", base.root, root]);
    const moved = (text: string) => text.replaceAll(base.root, root);
    return {
      root,
      workdir: moved(base.workdir),
      env: Object.fromEntries(Object.entries(base.env).map(([key, value]) => [key, moved(value)])),
      entrypoint: base.entrypoint.map(moved),
      command: base.command.map(moved),
      healthcheck: base.healthcheck.map(moved),
      user: base.user,
      args: {},
    };
  }

  function apply(step: Step, image: Built): void {
    const inside = (path: string) => (path.startsWith("/") ? join(image.root, path) : path);
    if (step.keyword === "WORKDIR") {
      image.workdir = inside(step.text);
      mkdirSync(image.workdir, { recursive: true });
    } else if (step.keyword === "ENV") {
      for (const [name, value] of Object.entries(readPairs(step))) image.env[name] = inside(value);
    } else if (step.keyword === "ARG") {
      Object.assign(image.args, readPairs(step));
    } else if (step.keyword === "USER") {
      image.user = step.text;
    } else if (step.keyword === "COPY") {
      copy(step, image);
    } else if (step.keyword === "RUN") {
      run(step, image);
    } else if (step.keyword === "ENTRYPOINT" || step.keyword === "CMD" || step.keyword === "HEALTHCHECK") {
      const key = ({ ENTRYPOINT: "entrypoint", CMD: "command", HEALTHCHECK: "healthcheck" } as const)[
        step.keyword
      ];
      image[key] = step.words.map(inside);
    }
  }

  function copy(step: Step, image: Built): void {
    const to = step.words.at(-1) ?? "";
    const target = to.startsWith("/") ? join(image.root, to) : join(image.workdir, to);
    const from = step.flags.from ? buildStage(step.flags.from).root : repository;
    for (const source of step.words.slice(0, -1)) {
      const path = join(from, source);
      if (!existsSync(path)) throw new Error(`line ${step.line}: ${source} does not exist`);
      if (step.flags.from) copyTree(path, target);
      else copyFromContext(path, target, to.endsWith("/"), ignored);
    }
  }

  function run(step: Step, image: Built): void {
    const env = {
      ...process.env,
      ...preferOffline,
      ...image.env,
      PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
    };
    const command = expand(step.text, image.args);
    const [file = "", ...args] = step.exec
      ? step.words
      : ["sh", "-c", moveAbsolutePaths(command, image.root)];
    execFileSync(file, args, {
      cwd: image.workdir,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      ...identityOf(image),
    });
  }

  return { build: buildStage, dispose: () => rmSync(folder, { recursive: true, force: true }) };
}

const emptyImage = {
  workdir: "/",
  env: {},
  entrypoint: [],
  command: [],
  healthcheck: [],
  user: "",
  args: {},
};

/** What `npm install` of the repository has fetched need not be fetched again. */
const preferOffline = { npm_config_prefer_offline: "true", PNPM_CONFIG_PREFER_OFFLINE: "true" };

/** The user of an image, where this process may become somebody else. */
export function identityOf({ user }: Pick<ImageFolder, "user">): { uid?: number; gid?: number } {
  const [uid, gid] = user.split(":").map(Number);
  if (process.getuid?.() !== 0 || uid === undefined || gid === undefined || user === "") return {};
  return { uid, gid };
}

function moveAbsolutePaths(command: string, root: string): string {
  const moved = command.replace(/(?<=\s)\/(?=\w)/g, `${root}/`);
  // Only root gives files away.
  return process.getuid?.() === 0 ? moved : moved.replace(/--(owner|group)=\d+/g, "");
}

/** As COPY does: the content of a folder, a file into a folder. */
function copyTree(source: string, target: string): void {
  mkdirSync(target, { recursive: true });
  const content = statSync(source).isDirectory() ? `${source}/.` : source;
  execFileSync("cp", ["--archive", "--link", "--remove-destination", content, target]);
}

function copyFromContext(
  source: string,
  target: string,
  intoFolder: boolean,
  ignored: (path: string) => boolean,
): void {
  if (ignored(relative(repository, source)) && !hasKept(source, ignored))
    throw new Error(`${relative(repository, source)} is in .dockerignore`);
  if (!statSync(source).isDirectory()) {
    mkdirSync(intoFolder ? target : dirname(target), { recursive: true });
    cpSync(source, intoFolder ? join(target, basename(source)) : target);
    return;
  }
  mkdirSync(target, { recursive: true });
  cpSync(source, target, {
    recursive: true,
    filter: (path) => path === source || !ignored(relative(repository, path)),
  });
}

function hasKept(source: string, ignored: (path: string) => boolean): boolean {
  if (!statSync(source).isDirectory()) return false;
  return readdirSync(source).some((name) => !ignored(relative(repository, join(source, name))));
}
