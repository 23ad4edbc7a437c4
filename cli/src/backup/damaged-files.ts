import { type BlobLine, blobFile, orderOf } from "./blob-list.ts";
import { type DamagedFileError, damagedFile } from "./format.ts";
import type { OnDamaged } from "./read-blob.ts";

const mostListed = 100;

/** Files of a backup that are missing or damaged, counted, and the first of them by name. */
export class DamagedFiles {
  originals = 0;
  renditions = 0;
  readonly listed: string[] = [];
  /** Grows with the damage only: what was counted while it was looked at is not counted again while it is restored. */
  readonly #known = new Set<string>();

  /** Counts everything, and goes on. */
  readonly note: OnDamaged = ({ key }: BlobLine) => {
    if (this.#known.has(orderOf(key))) return;
    this.#known.add(orderOf(key));
    if (key.kind === "original") this.originals += 1;
    else this.renditions += 1;
    if (this.listed.length < mostListed) this.listed.push(blobFile(key));
  };

  /** Counts previews and thumbnails, which the library makes again; refuses damaged originals. */
  readonly noteRenditions: OnDamaged = (line: BlobLine, error: DamagedFileError) => {
    if (line.key.kind === "original")
      throw damagedFile(
        `${error.message.replace(/^the backup cannot be used: /, "")}; --allow-damaged restores all the rest`,
      );
    this.note(line, error);
  };

  /** One line on what was found, undefined when that is nothing. */
  describe(): string | undefined {
    const total = this.originals + this.renditions;
    if (total === 0) return undefined;
    const more = total > this.listed.length ? `, and ${total - this.listed.length} more` : "";
    return `missing or damaged in the backup: ${this.originals} originals, ${this.renditions} previews and thumbnails (${this.listed.join(", ")}${more})`;
  }
}
