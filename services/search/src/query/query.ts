import {
  type DateRange,
  type FoundDate,
  findDate,
  parseIsoDate,
  type QueryClock,
  showRange,
} from "./dates.ts";
import { findOtherDate } from "./other-dates.ts";
import { type Operator, type Token, tokenize } from "./tokens.ts";

/** Words that are looked for. */
export interface Term {
  text: string;
  /** All of it, in this order. */
  phrase: boolean;
  /** Ends the query: longer words that begin like it count as well. */
  typing: boolean;
}

/** `operator:value`. */
export interface Restriction {
  operator: Exclude<Operator, "before" | "after">;
  value: string;
  excluded: boolean;
}

/** A part of a query that was taken for a time. */
export interface TimeRestriction {
  kind: "date" | "before" | "after";
  /** As typed. */
  text: string;
  range: Partial<DateRange>;
  meaning: string;
  /** True for a bare year, which may as well be a number in the photo. */
  mayBeWord: boolean;
}

/** A query taken apart, before anything of its owner is known. */
export interface Query {
  terms: Term[];
  excluded: Term[];
  restrictions: Restriction[];
  times: TimeRestriction[];
}

/** Most parts a query may have. */
export const maxParts = 32;

/** Takes a query apart; never fails. */
export function parseQuery(text: string, clock: QueryClock): Query {
  const query: Query = { terms: [], excluded: [], restrictions: [], times: [] };
  const plain: Token[] = [];
  for (const token of tokenize(text)) {
    if (token.operator) addOperator(query, token, token.operator, clock);
    else if (token.excluded) query.excluded.push(toTerm({ ...token, last: false }));
    else if (token.quoted) query.terms.push(toTerm(token));
    else plain.push(token);
  }
  addPlain(query, plain, clock);
  return query;
}

/** How many parts a query has. */
export function countParts({ terms, excluded, restrictions, times }: Query): number {
  return terms.length + excluded.length + restrictions.length + times.length;
}

function toTerm({ text, quoted, last }: Token): Term {
  return { text, phrase: quoted, typing: last };
}

function addOperator(query: Query, token: Token, operator: Operator, clock: QueryClock): void {
  const { text, excluded } = token;
  if (operator !== "before" && operator !== "after") {
    query.restrictions.push({ operator, value: text, excluded });
    return;
  }
  const range = parseIsoDate(text, clock.zone) ?? findDate(text, clock)?.range;
  // `before:lunch` names no time: it is words like any other.
  if (!range) query.terms.push({ text: `${operator} ${text}`, phrase: false, typing: false });
  // "Not before" is "from then on".
  else query.times.push(boundary(excluded ? opposite(operator) : operator, range, token, clock));
}

function opposite(operator: "before" | "after"): "notBefore" | "notAfter" {
  return operator === "before" ? "notBefore" : "notAfter";
}

function boundary(
  kind: "before" | "after" | "notBefore" | "notAfter",
  range: DateRange,
  { text }: Token,
  { zone }: QueryClock,
): TimeRestriction {
  const limits: Record<typeof kind, Partial<DateRange>> = {
    before: { until: range.from },
    after: { from: range.until },
    notBefore: { from: range.from },
    notAfter: { until: range.until },
  };
  const shown = kind === "before" || kind === "notBefore" ? "before" : "after";
  return { kind: shown, text, range: limits[kind], meaning: showRange(range, zone), mayBeWord: false };
}

/** Plain words: dates first, since a date may have several of them. */
function addPlain(query: Query, plain: readonly Token[], clock: QueryClock): void {
  let text = plain.map((token) => token.text).join(" ");
  const typing = plain.at(-1)?.last === true;
  for (let found = nextDate(text, clock); found; found = nextDate(text, clock)) {
    query.times.push({
      kind: "date",
      text: found.text,
      range: found.range,
      meaning: showRange(found.range, clock.zone),
      mayBeWord: /^\d{4}$/.test(found.text),
    });
    const before = text.slice(0, found.index).replace(/(^|\s)(in|on|from|during|of)\s+(the\s+)?$/i, "$1");
    text = `${before} ${text.slice(found.index + found.text.length)}`;
    if (query.times.length >= maxParts) break;
  }
  const words = text.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  for (const [index, word] of words.entries())
    query.terms.push({ text: word, phrase: false, typing: typing && index === words.length - 1 });
}

function nextDate(text: string, clock: QueryClock): FoundDate | undefined {
  return findDate(text, clock) ?? findOtherDate(text, clock);
}
