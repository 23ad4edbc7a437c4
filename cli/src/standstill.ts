/**
 * Watches something that should move.
 * @returns a function that takes a mark, which changes whenever something has moved, and answers true when it has not
 *   changed for `limitMs`.
 */
export function watchStandstill(limitMs: number, now = () => performance.now()): (mark: string) => boolean {
  let last: string | undefined;
  let since = now();
  return (mark) => {
    if (mark !== last) {
      last = mark;
      since = now();
    }
    return now() - since >= limitMs;
  };
}
