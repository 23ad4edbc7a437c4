import { invalidArgument } from "@ocelli/chassis";

const maxLength = 500;
const origin = "https://this.invalid";

/**
 * Checks a path to go to after a login: on this origin only, or an open redirect would lend our name to a phisher.
 * Printable ASCII, as in a `Location` header; everything else comes percent-encoded.
 * @throws AppError INVALID_ARGUMENT/INVALID_RETURN_TO.
 */
export function assertReturnTo(path: string): void {
  const isPath = path.length <= maxLength && /^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/.test(path);
  // The pattern alone would do; what browsers make of it is asked as well.
  if (isPath && URL.parse(path, origin)?.origin === origin) return;
  throw invalidArgument("INVALID_RETURN_TO", "The path to return to is not a path on this origin.", [
    { field: "returnTo", description: `must start with one / and have at most ${maxLength} characters` },
  ]);
}
