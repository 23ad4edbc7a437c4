import { chip, element, time } from "./format.js";

/** What is known of one span; `reveal` shows another one of the same trace. */
export function details(span, trace, reveal) {
  return [
    element("h2", "", span.name),
    facts(span, trace, reveal),
    ...section("Attributes", attributes(span.attributes)),
    ...span.events.flatMap((event) =>
      section(`${event.name} at ${time(event.offsetUs)}`, attributes(event.attributes)),
    ),
    ...section("Links", span.links.length > 0 ? links(span.links) : undefined),
    ...(span.left > 0 ? [element("p", "dim", `${span.left} more were too many to keep.`)] : []),
  ];
}

function facts(span, trace, reveal) {
  const lines = [
    ["Service", chip(span.service)],
    ["Kind", span.kind],
    ["Begins at", time(span.offsetUs)],
    ["Takes", time(span.durationUs)],
    ["Of that by itself", time(span.selfUs)],
    ["Decided the end", span.critical ? "yes" : "no"],
    ...(span.failed ? [["Failed", element("span", "bad", span.statusMessage || "without a reason")]] : []),
    ["Span", element("code", "", span.spanId)],
    ["Parent", parent(span, trace, reveal)],
  ];
  return list(lines);
}

function parent({ parentSpanId, orphan }, { spans }, reveal) {
  if (!parentSpanId) return "none";
  if (orphan) return element("span", "", element("code", "", parentSpanId), " (not here)");
  const button = element("button", "link", spans.find(({ spanId }) => spanId === parentSpanId)?.name ?? "");
  button.type = "button";
  button.addEventListener("click", () => reveal(parentSpanId));
  return button;
}

function attributes(given) {
  const entries = Object.entries(given);
  if (entries.length === 0) return undefined;
  return list(entries.map(([name, value]) => [name, element("code", "", value)]));
}

function links(given) {
  return element(
    "ul",
    "",
    ...given.map(({ traceId, spanId }) => {
      const link = element("a", "", `${traceId} ${spanId}`);
      link.href = `${traceId}#${spanId}`;
      return element("li", "", link);
    }),
  );
}

function list(lines) {
  return element(
    "dl",
    "",
    ...lines.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]),
  );
}

function section(title, content) {
  return content ? [element("h3", "", title), content] : [];
}
