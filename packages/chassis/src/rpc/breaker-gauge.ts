import type { Metrics } from "../telemetry/metrics.ts";
import type { BreakerState } from "./breaker.ts";

/** What is shown of an upstream. */
interface Shown {
  readonly breaker: { readonly state: BreakerState };
}

type Gauge = Metrics["rpcClientBreakerState"];

const stateNumbers: Readonly<Record<BreakerState, number>> = { closed: 0, "half-open": 1, open: 2 };

// By gauge and gRPC service, all upstreams through which it is called; one that nobody has any more is forgotten.
const upstreams = new WeakMap<Gauge, Map<string, Set<WeakRef<Shown>>>>();

/** Counts an upstream among those through which a gRPC service is called. */
export function addToBreakerGauge(gauge: Gauge, service: string, upstream: Shown): void {
  const services = upstreams.get(gauge) ?? new Map<string, Set<WeakRef<Shown>>>();
  upstreams.set(gauge, services);
  const shown = services.get(service) ?? new Set();
  services.set(service, shown);
  if (![...shown].some((each) => each.deref() === upstream)) shown.add(new WeakRef(upstream));
  setBreakerGauge(gauge, service);
}

/** Shows the worst state of all upstreams of a gRPC service: a process may well have several. */
export function setBreakerGauge(gauge: Gauge, service: string): void {
  const shown = upstreams.get(gauge)?.get(service) ?? new Set();
  let worst = 0;
  for (const each of shown) {
    const upstream = each.deref();
    if (upstream) worst = Math.max(worst, stateNumbers[upstream.breaker.state]);
    else shown.delete(each);
  }
  gauge.set({ service }, worst);
}
