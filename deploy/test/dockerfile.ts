import { DockerfileParser, type Instruction, JSONInstruction, ModifiableInstruction } from "dockerfile-ast";

/** One instruction of a Dockerfile. */
export interface Step {
  /** `RUN`, `COPY` … */
  keyword: string;
  /** 1-based. */
  line: number;
  /** `--from=…` and the like, by name. */
  flags: Readonly<Record<string, string>>;
  /** Arguments without flags; the words of the exec form, else what is divided by spaces. */
  words: readonly string[];
  /** True for `["…"]`. */
  exec: boolean;
  /** Arguments without flags as written, lines joined. */
  text: string;
}

/** What lies between one FROM and the next. */
export interface Stage {
  name: string;
  /** An image, or the name of another stage, variables in place. */
  base: string;
  line: number;
  steps: readonly Step[];
}

/** A Dockerfile as stages. */
export interface Dockerfile {
  /** ARGs before the first FROM, with their defaults. */
  args: Readonly<Record<string, string>>;
  stages: readonly Stage[];
}

/** Reads a Dockerfile; `given` stands for `--build-arg`. */
export function parseDockerfile(content: string, given: Readonly<Record<string, string>> = {}): Dockerfile {
  const args: Record<string, string> = {};
  const stages: (Stage & { steps: Step[] })[] = [];
  for (const instruction of DockerfileParser.parse(content).getInstructions()) {
    const step = toStep(instruction);
    const stage = stages.at(-1);
    if (step.keyword === "FROM") {
      const [base = "", , name = ""] = step.words;
      stages.push({ name, base: expand(base, args), line: step.line, steps: [] });
    } else if (stage) {
      stage.steps.push(step);
    } else if (step.keyword === "ARG") {
      const [name = "", value = ""] = splitPair(step.text);
      args[name] = given[name] ?? value;
    }
  }
  return { args, stages };
}

/** Replaces `$NAME`, `${NAME}` and `${NAME:+text}`. */
export function expand(text: string, variables: Readonly<Record<string, string | undefined>>): string {
  const nested = text.replace(/\$\{(\w+):\+((?:[^{}]|\$\{\w+\})*)\}/g, (_, name: string, then: string) =>
    variables[name] ? then : "",
  );
  return nested.replace(/\$\{?(\w+)\}?/g, (_, name: string) => variables[name] ?? "");
}

/** `NAME=value` pairs of ENV, LABEL and ARG, quotes removed. */
export function readPairs(step: Step): Record<string, string> {
  const pairs = step.text.match(/[\w.-]+=(?:"[^"]*"|[^\s"])*/g) ?? [];
  return Object.fromEntries(pairs.map((pair) => splitPair(pair)));
}

function splitPair(pair: string): [string, string] {
  const at = pair.indexOf("=");
  if (at < 0) return [pair.trim(), ""];
  return [
    pair.slice(0, at).trim(),
    pair
      .slice(at + 1)
      .trim()
      .replace(/^"(.*)"$/s, "$1"),
  ];
}

function toStep(instruction: Instruction): Step {
  const flags = instruction instanceof ModifiableInstruction ? instruction.getFlags() : [];
  const keyword = instruction.getKeyword();
  const raw = (instruction.getRawArgumentsContent() ?? "")
    .replace(/^\s*#.*\n/gm, "")
    .replace(/\\\n/g, " ")
    .replace(/\s+/g, " ");
  const text = flags.reduce((rest, flag) => rest.replace(flag.toString(), ""), raw).trim();
  const exec =
    keyword === "HEALTHCHECK" ? /^CMD \[/.test(text) : mayBeExec(instruction) && text.startsWith("[");
  return {
    keyword,
    line: instruction.getInstructionRange().start.line + 1,
    flags: Object.fromEntries(flags.map((flag) => [flag.getName(), flag.getValue() ?? ""])),
    words: exec ? readExecForm(text) : text.split(" "),
    exec,
    text,
  };
}

function mayBeExec(instruction: Instruction): boolean {
  return instruction instanceof JSONInstruction;
}

/** The words of an exec form; HEALTHCHECK has its CMD before it. */
function readExecForm(text: string): string[] {
  const words: unknown = JSON.parse(text.slice(text.indexOf("[")));
  if (!Array.isArray(words)) throw new Error(`${text} is no list`);
  return words.map(String);
}
