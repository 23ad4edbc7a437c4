/** Settings of {@link createPixelBudget}. */
export interface PixelBudgetOptions {
  /** Pixels in work at once; one larger piece of work gets the whole budget. */
  pixels: number;
  /** Pieces of work at once. */
  concurrency: number;
  /** Pieces of work that may wait. */
  queueLimit: number;
  /** What is thrown when the queue is full. */
  onFull: () => Error;
}

/** A semaphore weighted by pixels, with a bounded first-come-first-served queue. */
export interface PixelBudget {
  /** Throws when nothing more may wait; for refusing before any work. */
  assertRoom(): void;
  /** Runs work when its pixels fit. Throws `onFull` at once when too many wait. */
  run<T>(pixels: number, work: () => Promise<T>): Promise<T>;
}

interface Waiter {
  weight: number;
  start: () => void;
}

/** Creates a budget. A waiting large image is never overtaken, so it cannot starve behind small ones. */
export function createPixelBudget(options: PixelBudgetOptions): PixelBudget {
  const waiting: Waiter[] = [];
  let pixelsInWork = 0;
  let running = 0;

  const fits = (weight: number) => running < options.concurrency && pixelsInWork + weight <= options.pixels;

  function take(weight: number): void {
    running += 1;
    pixelsInWork += weight;
  }

  function release(weight: number): void {
    running -= 1;
    pixelsInWork -= weight;
    for (let next = waiting[0]; next && fits(next.weight); next = waiting[0]) {
      waiting.shift();
      take(next.weight);
      next.start();
    }
  }

  function assertRoom(): void {
    if (waiting.length >= options.queueLimit && !(waiting.length === 0 && running < options.concurrency)) {
      throw options.onFull();
    }
  }

  return {
    assertRoom,
    async run(pixels, work) {
      const weight = Math.min(pixels, options.pixels);
      if (waiting.length === 0 && fits(weight)) take(weight);
      else {
        // Without a queue, one image too large for what is left of the budget is refused too.
        if (waiting.length >= options.queueLimit) throw options.onFull();
        await new Promise<void>((start) => waiting.push({ weight, start }));
      }
      try {
        return await work();
      } finally {
        release(weight);
      }
    },
  };
}
