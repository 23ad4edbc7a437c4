import { matchesGlob } from "node:path";

/** Whether a path of the build context is left out, by the rules of a `.dockerignore`: the last one that matches wins. */
export function createIgnore(content: string): (path: string) => boolean {
  const rules = content
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => ({ keep: line.startsWith("!"), pattern: line.replace(/^!/, "") }));
  return (path) => {
    // A rule for a folder is one for everything inside.
    const parts = path.split("/");
    const within = parts.map((_, index) => parts.slice(0, index + 1).join("/"));
    let ignored = false;
    for (const { keep, pattern } of rules) if (within.some((each) => matches(each, pattern))) ignored = !keep;
    return ignored;
  };
}

function matches(path: string, pattern: string): boolean {
  // Docker's ** also stands for no folder at all, and its * for names that begin with a dot.
  const name = pattern.replace(/^\*\*\//, "");
  if (name !== pattern && !name.includes("/")) return matchesName(path.split("/").at(-1) ?? "", name);
  return pattern.includes("/")
    ? matchesGlob(path, pattern)
    : !path.includes("/") && matchesName(path, pattern);
}

function matchesName(name: string, pattern: string): boolean {
  const expression = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${expression.join(".*")}$`).test(name);
}
