import { readFileSync } from "node:fs";

// Loaded into a process before everything else (`node --import`): its clock is wrong by as many milliseconds as the file
// named in FAULT_CLOCK says at the moment. The monotonic clock and that of Postgres stay right, as when the time service
// of one machine goes astray.

const file = process.env.FAULT_CLOCK ?? "";
const RealDate = Date;
let skewMs = 0;

const read = () => {
  try {
    skewMs = Number(readFileSync(file, "utf8")) || 0;
  } catch {
    // Nobody has put the clock wrong yet.
  }
};
read();
setInterval(read, 100).unref();

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [RealDate.now() + skewMs] : args, newTarget),
  apply: () => new RealDate(RealDate.now() + skewMs).toString(),
  get: (target, name, receiver) =>
    name === "now" ? () => RealDate.now() + skewMs : Reflect.get(target, name, receiver),
});
