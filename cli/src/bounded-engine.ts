import { currentScope, detached } from "@ocelli/chassis";
import type { Engine, RunOptions } from "@ocelli/inference";

/**
 * An engine whose runs end with the call that asked for them: what waits for a worker is dropped when nobody waits for it
 * any more. What callers share belongs to all of them and is finished.
 */
export function boundByCalls(engine: Engine): Engine {
  return {
    run: (modelId, inputs, options = {}) => engine.run(modelId, inputs, withBounds(options)),
    decode: (key, load, options) => engine.decode(key, () => detached(load), options),
    once: (key, compute) => engine.once(key, () => detached(compute)),
    model: (modelId) => engine.model(modelId),
    models: () => engine.models(),
    data: (dataId) => detached(() => engine.data(dataId)),
    warm: (modelIds) => engine.warm(modelIds),
    close: () => engine.close(),
  };
}

function withBounds(options: RunOptions): RunOptions {
  const scope = currentScope();
  if (!scope) return options;
  const callEndsAt = Date.now() + scope.deadlineAt - performance.now();
  const deadlineMs = Math.min(options.deadlineMs ?? Number.POSITIVE_INFINITY, callEndsAt);
  return {
    ...options,
    signal: options.signal ? AbortSignal.any([options.signal, scope.signal]) : scope.signal,
    ...(Number.isFinite(deadlineMs) ? { deadlineMs } : {}),
  };
}
