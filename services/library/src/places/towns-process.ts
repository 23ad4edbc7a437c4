import { readTowns } from "./read-towns.ts";

// A process that reads the towns, hands them over and ends.
process.send?.(await readTowns(), undefined, undefined, () => process.disconnect());
