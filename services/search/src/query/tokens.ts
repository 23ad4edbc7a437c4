/** Names before a colon that mean more than words. */
export const operators = ["person", "label", "type", "album", "camera", "place", "before", "after"] as const;

/** One of {@link operators}. */
export type Operator = (typeof operators)[number];

/** A part of a query as it was typed. */
export interface Token {
  /** As typed, without quotes, minus and operator. */
  text: string;
  /** Was in quotes. */
  quoted: boolean;
  /** Had a minus before it. */
  excluded: boolean;
  operator?: Operator;
  /** Ends the query: its word may still be being typed. */
  last: boolean;
}

// Minus and operator only at the start of a part; quotes may lack their end; “typographic” ones count as well.
const part =
  /(?<![^\s])(-?)(?:([a-z]+):)?(?:["“”„]([^"“”„]*)["“”„]?|([^\s"“”„]+))|["“”„]([^"“”„]*)["“”„]?|([^\s"“”„]+)/giu;

/** Takes a query apart. Anything is a query: what has no special meaning is words. */
export function tokenize(query: string): Token[] {
  const tokens: Token[] = [];
  for (const match of query.matchAll(part)) {
    const [whole, minus = "", name = "", phrase, word, loosePhrase, looseWord] = match;
    const quoted = (phrase ?? loosePhrase) !== undefined;
    const value = phrase ?? word ?? loosePhrase ?? looseWord ?? "";
    const operator = operators.find((each) => each === name.toLowerCase());
    const text = (operator || name === "" ? value : `${name}:${value}`).trim();
    if (!/[\p{L}\p{N}]/u.test(text)) continue;
    const last = match.index + whole.length === query.length;
    const token = { text, quoted, excluded: minus === "-", last: last && !quoted };
    tokens.push(operator ? { ...token, operator } : token);
  }
  return tokens;
}
