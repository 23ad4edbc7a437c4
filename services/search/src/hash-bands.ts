/**
 * A hash falls into four bands of 16 bits, each found by its value. Two hashes that differ in at most 10 bits differ in at
 * most 2 in some band, those that differ in 4 in at most 1: so the bands to ask for are few, whatever the number of
 * photos (M. Norouzi et al., "Fast Search in Hamming Space with Multi-Index Hashing", 2012).
 */
const bands = 4;
const bandBits = 16;

/** The values by which a hash is found, one per band; the band's number stands in the upper bits. */
export function bandsOf(hash: bigint): number[] {
  return Array.from({ length: bands }, (_, band) => {
    const bits = BigInt.asUintN(bandBits, hash >> BigInt(band * bandBits));
    return band * 2 ** bandBits + Number(bits);
  });
}

/** Values of all hashes that agree with a hash in some band but for `radius` bits (0, 1 or 2). */
export function bandsNear(hash: bigint, radius: 0 | 1 | 2): number[] {
  return bandsOf(hash).flatMap((value) => {
    const near = [value];
    for (let a = 0; radius > 0 && a < bandBits; a++) {
      near.push(value ^ (1 << a));
      for (let b = 0; radius > 1 && b < a; b++) near.push(value ^ (1 << a) ^ (1 << b));
    }
    return near;
  });
}
