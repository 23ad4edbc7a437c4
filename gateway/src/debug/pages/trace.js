import { details } from "./details.js";
import { byId, chip, colour, element, load, say, statusClass, time } from "./format.js";

const traceId = location.pathname.split("/").at(-1);
const [tree, options] = [byId("tree"), byId("options")];
const [sql, criticalOnly] = [byId("sql"), byId("criticalOnly")];
const closed = new Set();
let trace;
let rows = [];
let chosen = "";

/** What a name leaves out: the table, the consumer, the size of a batch. */
function hint({ kind, attributes }) {
  const statement = attributes["db.query.text"];
  if (statement)
    return /\b(?:from|into|update)\s+"?(\w+)"?\."?(\w+)/i.exec(statement)?.slice(1).join(".") ?? "";
  if (kind === "consumer") return attributes["messaging.consumer.group.name"] ?? "";
  const batch = attributes["ocelli.batch.size"];
  if (batch > 1) return `batch of ${batch}`;
  return kind === "client" ? "call" : "";
}

const isStatement = ({ attributes }) => "db.query.text" in attributes;

/** `ocelli.library.v1.LibraryService/UploadPhoto` is as clear without its package. */
const shortName = (name) => name.replace(/^ocelli\.\w+\.v\d+\./, "");

function makeRow(span, index) {
  const isParent = trace.spans[index + 1]?.depth > span.depth;
  const caret = element("span", "caret", isParent ? "▾" : "");
  const name = element(
    "span",
    "name",
    caret,
    element("span", `dot ${colour(span.service)}`),
    shortName(span.name),
  );
  name.style.paddingInlineStart = `${span.depth * 0.9}em`;
  name.append(element("span", "hint", hint(span)));
  if (span.failed) name.append(element("span", "bad", " failed"));
  const bar = element("span", `bar ${colour(span.service)}`);
  bar.classList.toggle("critical", span.critical);
  bar.classList.toggle("failed", span.failed);
  const from = share(span.offsetUs);
  bar.style.left = `${from}%`;
  bar.style.width = `${share(span.durationUs)}%`;
  const label = element("span", "label", time(span.durationUs));
  // Beside the bar, on the side with more room.
  if (from + share(span.durationUs) > 85) label.style.right = `calc(${100 - from}% + 0.4em)`;
  else label.style.left = `calc(${from + share(span.durationUs)}% + 0.4em)`;
  const row = element("div", "row", name, element("span", "lane", bar, label));
  row.setAttribute("role", "treeitem");
  row.setAttribute("aria-level", span.depth + 1);
  row.setAttribute(
    "aria-label",
    `${span.name}, ${span.service}, ${time(span.durationUs)}${span.failed ? ", failed" : ""}`,
  );
  row.tabIndex = -1;
  row.addEventListener("click", (event) => {
    choose(span.spanId);
    if (event.target === caret) toggle(index);
  });
  return { row, caret, span, isParent };
}

const share = (us) => (us / Math.max(1, trace.durationUs)) * 100;

/** Hides what lies below closed spans and what the boxes leave out. */
function arrange() {
  let below = Infinity;
  for (const { row, caret, span, isParent } of rows) {
    const hidden = span.depth > below;
    if (!hidden) below = closed.has(span.spanId) ? span.depth : Infinity;
    const unwanted = (!sql.checked && isStatement(span)) || (criticalOnly.checked && !span.critical);
    row.hidden = hidden || unwanted;
    if (!isParent) continue;
    caret.textContent = closed.has(span.spanId) ? "▸" : "▾";
    row.setAttribute("aria-expanded", !closed.has(span.spanId));
  }
}

function toggle(index, open = closed.has(rows[index].span.spanId)) {
  const { span, isParent } = rows[index];
  if (!isParent) return;
  if (open) closed.delete(span.spanId);
  else closed.add(span.spanId);
  arrange();
}

function choose(spanId, show = true) {
  const index = rows.findIndex(({ span }) => span.spanId === spanId);
  if (index < 0) return;
  chosen = spanId;
  for (const { row, span } of rows) {
    row.tabIndex = span.spanId === spanId ? 0 : -1;
    row.setAttribute("aria-selected", span.spanId === spanId);
  }
  rows[index].row.focus({ preventScroll: !show });
  if (!show) return;
  history.replaceState(null, "", `#${spanId}`);
  byId("details").hidden = false;
  byId("details").replaceChildren(...details(rows[index].span, trace, reveal));
}

/** Chooses a span wherever it is, e.g. the parent of another one. */
function reveal(spanId) {
  const index = rows.findIndex(({ span }) => span.spanId === spanId);
  if (index < 0) return;
  for (let at = index, { depth } = rows[index].span; at >= 0; at--) {
    if (rows[at].span.depth < depth) {
      closed.delete(rows[at].span.spanId);
      depth = rows[at].span.depth;
    }
  }
  if (isStatement(rows[index].span)) sql.checked = true;
  if (!rows[index].span.critical) criticalOnly.checked = false;
  arrange();
  choose(spanId);
  rows[index].row.scrollIntoView({ block: "nearest" });
}

function step(from, by) {
  for (let at = from + by; at >= 0 && at < rows.length; at += by) {
    if (!rows[at].row.hidden) return move(at);
  }
}

function move(index) {
  choose(rows[index].span.spanId, !byId("details").hidden);
  rows[index].row.scrollIntoView({ block: "nearest" });
}

function parentOf(index) {
  const { depth } = rows[index].span;
  return rows.findLastIndex(({ span }, at) => at < index && span.depth < depth);
}

const keys = {
  ArrowDown: (at) => step(at, 1),
  ArrowUp: (at) => step(at, -1),
  ArrowRight: (at) => (closed.has(chosen) ? toggle(at, true) : step(at, 1)),
  ArrowLeft: (at) =>
    rows[at].isParent && !closed.has(chosen) ? toggle(at, false) : parentOf(at) >= 0 && move(parentOf(at)),
  Home: () => step(-1, 1),
  End: () => step(rows.length, -1),
  Enter: () => choose(chosen),
  " ": () => choose(chosen),
  Escape: () => {
    byId("details").hidden = true;
  },
};

function drawAxis() {
  const answer = trace.request ? share(trace.request.durationUs) : 100;
  byId("waterfall").style.setProperty("--answer", `${answer}%`);
  byId("waterfall").classList.toggle("answered", answer < 99);
  const ticks = [0.25, 0.5, 0.75].map((part) => {
    const tick = element("span", "tick", time(trace.durationUs * part));
    tick.style.left = `${part * 100}%`;
    return tick;
  });
  byId("ticks").replaceChildren(...ticks);
}

function drawHead() {
  const { request, spans, services, failed, open, left, durationUs, startedAt } = trace;
  const title = request ? `${request.method} ${request.route || "(no route)"}` : trace.name;
  document.title = `${title} · Ocelli`;
  byId("title").replaceChildren(title, " ");
  if (request) byId("title").append(element("span", `status ${statusClass(request.status)}`, request.status));
  const parts = [
    new Date(startedAt).toLocaleString(),
    ...(request ? [`answered in ${time(request.durationUs)}`] : []),
    `all work done in ${time(durationUs)}`,
    `${spans.length} spans`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(open > 0 ? [`${open} still running: load again for them`] : []),
    ...(left > 0 ? [`${left} more were not kept`] : []),
    traceId,
  ];
  say(parts.join(" · "));
  byId("statements").textContent = spans.filter(isStatement).length;
  byId("services").replaceChildren(
    ...services.map(({ name, selfUs }) => element("li", "", chip(name, element("small", "", time(selfUs))))),
  );
}

function setAll(isClosed) {
  closed.clear();
  if (isClosed) for (const { span, isParent } of rows) if (isParent) closed.add(span.spanId);
  arrange();
}

options.addEventListener("input", arrange);
options.addEventListener("submit", (event) => event.preventDefault());
byId("expand").addEventListener("click", () => setAll(false));
byId("collapse").addEventListener("click", () => setAll(true));
tree.addEventListener("keydown", (event) => {
  const index = rows.findIndex(({ span }) => span.spanId === chosen);
  const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
  if (!act || index < 0) return;
  event.preventDefault();
  act(index);
});

try {
  trace = await load(`${traceId}.json`);
  drawHead();
  drawAxis();
  rows = trace.spans.map(makeRow);
  tree.replaceChildren(...rows.map(({ row }) => row));
  options.hidden = byId("waterfall").hidden = false;
  arrange();
  const wanted = location.hash.slice(1);
  if (rows.some(({ span }) => span.spanId === wanted)) reveal(wanted);
  else if (rows[0]) choose(rows[0].span.spanId, false);
} catch (error) {
  say(error.message, true);
}
