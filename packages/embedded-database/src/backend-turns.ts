/**
 * Who may use the one backend session. A holder keeps it for a whole query cycle (from the first message to Sync) and
 * for a whole transaction: were messages of two clients interleaved, one's Bind would meet the other's Parse.
 */
export class BackendTurns {
  #holder: object | undefined;
  readonly #waiting: Array<{ client: object; start: () => void }> = [];

  /** Resolves when it is the client's turn; at once when it already is. */
  async take(client: object): Promise<void> {
    if (this.#holder === client) return;
    if (this.#holder === undefined) {
      this.#holder = client;
      return;
    }
    await new Promise<void>((start) => this.#waiting.push({ client, start }));
  }

  /** Passes the turn on, first come first served; nothing happens when the client does not hold it. */
  release(client: object): void {
    if (this.#holder !== client) return;
    const next = this.#waiting.shift();
    this.#holder = next?.client;
    next?.start();
  }

  holds(client: object): boolean {
    return this.#holder === client;
  }
}
