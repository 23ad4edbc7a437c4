import { cleanText } from "./text.ts";
import { cleanKeywords, type Description, maxDescription, maxTitle, withoutAbsent } from "./xmp.ts";

const marker = 0x1c;
const maxRecords = 1000;
const utf8Escape = Buffer.from([0x1b, 0x25, 0x47]);
const iptcResource = Buffer.from("8BIM\x04\x04", "latin1");
// Data sets of the application record (IIM 4.2).
const sets = { title: 5, keyword: 25, creator: 80, headline: 105, copyright: 116, description: 120 } as const;

/** Reads what people write about pictures from IPTC records, which older programs use. */
export function readIptc(block: Buffer | undefined): Description {
  if (!block) return {};
  const records = recordsOf(block);
  const isUtf8 = records.some(
    ({ record, set, value }) => record === 1 && set === 90 && value.includes(utf8Escape),
  );
  const texts = (set: number) =>
    records.filter((each) => each.record === 2 && each.set === set).map(({ value }) => decode(value, isUtf8));
  return withoutAbsent({
    title: cleanText(texts(sets.title)[0] ?? texts(sets.headline)[0], maxTitle),
    description: cleanText(texts(sets.description)[0], maxDescription),
    keywords: cleanKeywords(texts(sets.keyword)),
    creator: cleanText(texts(sets.creator)[0], maxTitle),
    copyright: cleanText(texts(sets.copyright)[0], maxTitle),
  });
}

interface IptcRecord {
  record: number;
  set: number;
  value: Buffer;
}

function recordsOf(block: Buffer): IptcRecord[] {
  const found: IptcRecord[] = [];
  const wrapped = block.indexOf(iptcResource);
  for (let at = block.indexOf(marker, Math.max(0, wrapped)); at >= 0 && at + 5 <= block.byteLength; ) {
    const [record, set, length] = [block[at + 1] ?? 0, block[at + 2] ?? 0, block.readUInt16BE(at + 3)];
    // The upper bit announces a longer length, which none of these has; and records follow each other without gaps.
    if (length > 0x7fff || at + 5 + length > block.byteLength || found.length >= maxRecords) break;
    found.push({ record, set, value: block.subarray(at + 5, at + 5 + length) });
    at += 5 + length;
    if (block[at] !== marker) break;
  }
  return found;
}

/** Without a declared character set both are in use: what is no UTF-8 is the old one. */
function decode(value: Buffer, isUtf8: boolean): string {
  const text = value.toString("utf8");
  return isUtf8 || !text.includes("\ufffd") ? text : value.toString("latin1");
}
