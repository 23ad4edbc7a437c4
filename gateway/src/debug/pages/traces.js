import { byId, chip, element, load, say, statusClass, time } from "./format.js";

const fields = ["route", "status", "minMs"].map(byId);
const [background, live] = [byId("background"), byId("live")];
const everyMs = 2000;
let asked = 0;

function query() {
  const values = fields.filter(({ value }) => value.trim() !== "").map(({ id, value }) => [id, value.trim()]);
  if (background.checked) values.push(["background", "true"]);
  return new URLSearchParams(values).toString();
}

function row(trace, longest) {
  const { traceId, request, failed, open, left } = trace;
  const link = element("a", "", request ? `${request.method} ${request.route || "(no route)"}` : trace.name);
  link.href = `traces/${traceId}`;
  link.dataset.trace = traceId;
  const status = request
    ? element("span", `status ${statusClass(request.status)}`, request.status)
    : element("span", "dim", "–");
  const marks = [
    ...(failed > 0 ? [element("span", "bad", ` ${failed} failed`)] : []),
    ...(open > 0 ? [element("span", "dim", " still running")] : []),
  ];
  const bar = element("span", "length");
  bar.style.width = `${Math.max(0.5, (trace.durationUs / longest) * 100)}%`;
  const work = element("td", "work", element("span", "", time(trace.durationUs)), bar);
  return element(
    "tr",
    "",
    element("td", "when", element("time", "", clock(trace.startedAt))),
    element("td", "request", link, ...marks),
    element("td", "", status),
    element("td", "number", request ? time(request.durationUs) : "–"),
    work,
    element("td", "number", left > 0 ? `${trace.spans} of ${trace.spans + left}` : trace.spans),
    element("td", "services", ...trace.services.map(({ name }) => chip(name))),
  );
}

function clock(text) {
  const at = new Date(text);
  const today = at.toDateString() === new Date().toDateString();
  const milliseconds = String(at.getMilliseconds()).padStart(3, "0");
  return `${today ? "" : `${at.toLocaleDateString()} `}${at.toLocaleTimeString([], { hour12: false })}.${milliseconds}`;
}

async function refresh() {
  const mine = ++asked;
  const text = query();
  history.replaceState(null, "", text === "" ? location.pathname : `?${text}`);
  try {
    const { items, kept } = await load(`traces.json?${text}`);
    // A later question is on its way.
    if (mine !== asked) return;
    const focused = document.activeElement?.dataset?.trace;
    const longest = Math.max(1, ...items.map(({ durationUs }) => durationUs));
    byId("rows").replaceChildren(...items.map((trace) => row(trace, longest)));
    byId("traces").hidden = items.length === 0;
    if (focused) document.querySelector(`a[data-trace="${CSS.escape(focused)}"]`)?.focus();
    const none = kept === 0 ? "Nothing was asked for yet." : "No request fits.";
    say(items.length === 0 ? none : `${items.length} of ${kept} traces in memory, the newest first.`);
  } catch (error) {
    if (mine === asked) say(error.message, true);
  }
}

function restore() {
  const given = new URLSearchParams(location.search);
  for (const field of fields) field.value = given.get(field.id) ?? "";
  background.checked = given.get("background") === "true";
}

async function keepUp() {
  if (live.checked && !document.hidden) await refresh();
  setTimeout(keepUp, everyMs);
}

byId("filter").addEventListener("submit", (event) => {
  event.preventDefault();
  refresh();
});
byId("filter").addEventListener("input", refresh);
restore();
await refresh();
setTimeout(keepUp, everyMs);
