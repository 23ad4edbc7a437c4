import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

// docs/security.md names the test that proves each claim. What is named has to be there, or the document would rot.

const root = fileURLToPath(new URL("..", import.meta.url));
/** The document. */
export const securityDocs = join(root, "docs/security.md");

/** A test as a document names it: its file without `.test.ts`, and its title. */
export interface Proof {
  file: string;
  title: string;
}

/** A row of a table that makes a claim. */
export interface Claim {
  /** Its first cell. */
  name: string;
  /** What was done about it: empty in tables of threats, where everything is. */
  state: string;
  /** The last cell. */
  proof: string;
}

const proofPattern = /`([\w./-]+)` ((?:“[^”]+”(?:, )?)+)/g;
const states = new Set(["met", "partly", "not met", "operator", "n/a"]);
// Folders that the document leaves out.
const prefixes = ["", "services/", "packages/"];

/** Every test that a text names. */
export function proofsIn(text: string): Proof[] {
  return [...text.matchAll(proofPattern)].flatMap(([, file = "", titles = ""]) =>
    [...titles.matchAll(/“([^”]+)”/g)].map(([, title = ""]) => ({ file, title })),
  );
}

/** What is wrong with a proof; undefined when the test is there. */
export function faultOf({ file, title }: Proof): string | undefined {
  const path = prefixes.map((prefix) => join(root, `${prefix}${file}.test.ts`)).find(existsSync);
  if (!path) return `${file}.test.ts is not there`;
  const source = readFileSync(path, "utf8");
  const isTitle = ['"', "`"].some((quote) => source.includes(`${quote}${title}${quote}`));
  return isTitle ? undefined : `${file}.test.ts has no test “${title}”`;
}

/** The rows of tables whose last column is `proof`. */
export function claimsIn(markdown: string): Claim[] {
  const claims: Claim[] = [];
  let columns: string[] = [];
  for (const line of markdown.split("\n")) {
    const cells = line.startsWith("| ") ? cellsOf(line) : [];
    if (cells.length === 0) columns = [];
    else if (columns.length === 0) columns = cells;
    else if (columns.at(-1) === "proof" && !/^-+$/.test(cells[0] ?? "")) {
      const state = cells[columns.indexOf("state")] ?? "";
      claims.push({ name: cells[0] ?? "", state, proof: cells.at(-1) ?? "" });
    }
  }
  return claims;
}

/** What is wrong with a claim; undefined when it is one and has what it needs. */
export function faultOfClaim({ name, state, proof }: Claim): string | undefined {
  if (state !== "" && !states.has(state)) return `${name}: ${state} is no state`;
  const needsProof = state === "" || state === "met" || state === "partly";
  const hasProof = proofsIn(proof).length > 0 || /\]\([^)]+\)/.test(proof);
  return needsProof && !hasProof ? `${name} has no proof` : undefined;
}

/** Links of a document to places that are not there. */
export function brokenLinks(file: string): string[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(file, target));
}

function leadsSomewhere(from: string, target: string): boolean {
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? from : join(dirname(from), path);
  if (!existsSync(file)) return false;
  if (anchor === undefined) return true;
  const headings = readFileSync(file, "utf8").matchAll(/^#+ (.+)$/gm);
  return [...headings].some(([, heading = ""]) => slugOf(heading) === anchor);
}

/** As GitHub makes anchors of headings. */
function slugOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(" ", "-");
}

function cellsOf(line: string): string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
}
