/** Places for work of owners, of which one owner takes at most a share: nobody keeps all others out. */
export interface OwnerPlaces {
  /**
   * Runs the work where there is a place for it.
   * @throws what `onFull` makes when all places are taken, or the owner's share is; and what `work` throws.
   */
  run<T>(ownerId: string, work: () => Promise<T>): Promise<T>;
}

/** Creates `total` places, of which one owner may take `perOwner`: half, unless given. */
export function createOwnerPlaces({
  total,
  perOwner = Math.ceil(total / 2),
  onFull,
}: {
  total: number;
  perOwner?: number;
  onFull: () => Error;
}): OwnerPlaces {
  // Owners with work in hand only.
  const takenBy = new Map<string, number>();
  let taken = 0;
  return {
    async run(ownerId, work) {
      const own = takenBy.get(ownerId) ?? 0;
      if (taken >= total || own >= perOwner) throw onFull();
      taken += 1;
      takenBy.set(ownerId, own + 1);
      try {
        return await work();
      } finally {
        taken -= 1;
        const left = (takenBy.get(ownerId) ?? 1) - 1;
        if (left > 0) takenBy.set(ownerId, left);
        else takenBy.delete(ownerId);
      }
    },
  };
}
