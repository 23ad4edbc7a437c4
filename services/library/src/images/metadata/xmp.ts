import { cleanText, numberWithin } from "./text.ts";

/** What people write about a picture; absent where they did not. */
export interface Description {
  title?: string;
  description?: string;
  keywords?: string[];
  /** 1 to 5 stars. */
  rating?: number;
  creator?: string;
  copyright?: string;
}

/** Longest title, creator and copyright notice. */
export const maxTitle = 200;
/** Longest description. */
export const maxDescription = 2000;
/** Longest keyword, and most of them. */
export const keywordLimits = { length: 64, count: 64 };

const maxItems = 256;
const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/**
 * Reads what people write about pictures from an XMP document. A general reader of such a document takes quadratic time
 * on a hostile one; this looks for few properties by their customary prefixes and passes over the text once for each.
 */
export function readXmp(block: Buffer | undefined): Description & { created?: string } {
  if (!block) return {};
  const xml = block.toString("utf8");
  const one = (name: string, max: number) => cleanText(valuesOf(xml, name)[0], max);
  const found = {
    title: one("dc:title", maxTitle),
    description: one("dc:description", maxDescription),
    keywords: cleanKeywords(valuesOf(xml, "dc:subject")),
    rating: toRating(valuesOf(xml, "xmp:Rating")[0]),
    creator: one("dc:creator", maxTitle),
    copyright: one("dc:rights", maxTitle),
    created:
      one("exif:DateTimeOriginal", 40) ?? one("photoshop:DateCreated", 40) ?? one("xmp:CreateDate", 40),
  };
  return withoutAbsent(found);
}

/** Distinct keywords within {@link keywordLimits}; undefined when there are none. */
export function cleanKeywords(values: readonly unknown[]): string[] | undefined {
  const words = values.flatMap((value) => cleanText(value, keywordLimits.length) ?? []);
  const distinct = [...new Set(words)].slice(0, keywordLimits.count);
  return distinct.length > 0 ? distinct : undefined;
}

/** Fields that have a value. */
export function withoutAbsent<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
  // Same keys, absent ones left out.
  return Object.fromEntries(present) as { [K in keyof T]?: NonNullable<T[K]> };
}

/** Stars; 0 and -1 (rejected) say that there are none. */
export function toRating(value: string | undefined): number | undefined {
  const stars = numberWithin(value === undefined || value.trim() === "" ? undefined : Number(value), 0, 5);
  return stars === undefined || Math.round(stars) === 0 ? undefined : Math.round(stars);
}

/** Values of a property: an attribute, the text of its element, or the items of the list in it. */
function valuesOf(xml: string, name: string): string[] {
  const open = findElement(xml, name);
  if (open < 0) {
    const attribute = attributeOf(xml, name);
    return attribute === undefined ? [] : [attribute];
  }
  const start = xml.indexOf(">", open) + 1;
  const end = xml.indexOf(`</${name}>`, start);
  if (start === 0 || end < 0 || xml[start - 2] === "/") return [];
  const inner = xml.slice(start, end);
  return inner.includes("<") ? itemsOf(inner) : [resolveEntities(inner)];
}

function findElement(xml: string, name: string): number {
  for (let at = xml.indexOf(`<${name}`); at >= 0; at = xml.indexOf(`<${name}`, at + 1)) {
    if (/[\s>/]/.test(xml[at + name.length + 1] ?? "")) return at;
  }
  return -1;
}

function attributeOf(xml: string, name: string): string | undefined {
  const at = xml.indexOf(` ${name}=`) + 1 || xml.indexOf(`\n${name}=`) + 1;
  if (at === 0) return undefined;
  const start = at + name.length + 1;
  const quote = xml[start];
  const end = quote === '"' || quote === "'" ? xml.indexOf(quote, start + 1) : -1;
  return end < 0 ? undefined : resolveEntities(xml.slice(start + 1, end));
}

function itemsOf(inner: string): string[] {
  const items: string[] = [];
  for (let at = inner.indexOf("<rdf:li"); at >= 0 && items.length < maxItems; ) {
    const start = inner.indexOf(">", at) + 1;
    const end = inner.indexOf("<", start);
    if (start === 0 || end < 0) break;
    items.push(resolveEntities(inner.slice(start, end)));
    at = inner.indexOf("<rdf:li", end);
  }
  return items;
}

function resolveEntities(text: string): string {
  return text
    .slice(0, maxDescription * 8)
    .replace(/&(#x?[0-9a-f]{1,6}|[a-z]{2,4});/gi, (whole, code: string) => {
      if (!code.startsWith("#")) return entities[code] ?? whole;
      const point = /^#x/i.test(code)
        ? Number.parseInt(code.slice(2), 16)
        : Number.parseInt(code.slice(1), 10);
      return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : "";
    });
}
