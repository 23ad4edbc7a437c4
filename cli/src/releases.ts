/** Things to release on shutdown, last opened first; one failure does not keep the others from being released. */
export class Releases {
  readonly #releases: Array<() => Promise<unknown> | unknown> = [];

  add(release: () => Promise<unknown> | unknown): void {
    this.#releases.push(release);
  }

  /** Releases everything once; rejects with the first failure after all were tried. */
  async run(): Promise<void> {
    let failure: unknown;
    for (let release = this.#releases.pop(); release; release = this.#releases.pop()) {
      try {
        await release();
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
  }
}
