import { hasScope, type Identity, requireUser } from "@ocelli/chassis";

/** Whose photos are searched, and what may be told of them. */
export interface Searcher {
  ownerId: string;
  /** Holds the scope `people`. Whoever may only search must not learn from it whom photos show. */
  mayKnowPeople: boolean;
}

/** The caller as somebody who searches. @throws AppError of {@link requireUser}. */
export function searcherOf(identity: Identity): Searcher {
  return { ownerId: requireUser(identity), mayKnowPeople: hasScope(identity, "people") };
}
