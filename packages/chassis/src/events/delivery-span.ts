import {
  type Attributes,
  context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { AppError } from "../errors/app-error.ts";
import type { Delivery } from "./bus.ts";
import { contextFrom, eventsTracer } from "./trace-context.ts";

/**
 * Runs one delivery in a consumer span. Its parent is the span that published the event, whichever attempt it is: one
 * event is one trace. Only a replay, days later perhaps, begins a trace of its own that links to the first one.
 */
export async function inDeliverySpan<T>(
  bus: string,
  consumer: string,
  delivery: Delivery,
  work: () => Promise<T>,
): Promise<T> {
  const { event, attempt, replay = false } = delivery;
  const attributes: Attributes = {
    "messaging.system": bus,
    "messaging.operation.name": "consume",
    "messaging.operation.type": "process",
    "messaging.destination.name": event.subject,
    "messaging.consumer.group.name": consumer,
    "messaging.message.id": event.id,
    "messaging.message.body.size": event.payload.byteLength,
    "ocelli.delivery.attempt": attempt,
    ...(replay ? { "ocelli.delivery.replay": true } : {}),
  };
  const producer = contextFrom(event.traceparent);
  const origin = trace.getSpanContext(producer);
  const parent = replay ? ROOT_CONTEXT : producer;
  const links = replay && origin ? [{ context: origin }] : [];
  const span = eventsTracer().startSpan(
    `consume ${event.subject}`,
    { kind: SpanKind.CONSUMER, attributes, links },
    parent,
  );
  try {
    return await context.with(trace.setSpan(parent, span), work);
  } catch (error) {
    markFailed(span, AppError.from(error).reason);
    throw error;
  } finally {
    span.end();
  }
}

/** Writes into the span of the delivery in hand that its event was given up. */
export function noteDeadLetter(reason: string): void {
  const span = trace.getActiveSpan();
  if (!span) return;
  markFailed(span, reason);
  span.addEvent("ocelli.dead_letter", { "error.type": reason });
}

/** Writes into the span of the delivery in hand that it waits for an overloaded dependency. */
export function noteOverload(reason: string, waitMs: number): void {
  trace.getActiveSpan()?.addEvent("ocelli.overload", { "error.type": reason, "ocelli.wait.ms": waitMs });
}

function markFailed(span: Span, reason: string): void {
  span.setAttribute("error.type", reason);
  span.setStatus({ code: SpanStatusCode.ERROR, message: reason });
}
