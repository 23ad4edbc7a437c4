// What both pages need. Text is only ever set as text, never as markup.

const services = new Set(["gateway", "auth", "library", "search", "scene", "captioning", "face"]);

export const byId = (id) => document.getElementById(id);

/** An element with a class and with texts or elements in it. */
export function element(name, className, ...content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content.map((each) => (each instanceof Node ? each : String(each))));
  return made;
}

/** The class with a service's colour. */
export const colour = (service) => `service-${services.has(service) ? service : "other"}`;

/** A service's name in its colour. */
export function chip(service, ...more) {
  return element("span", `chip ${colour(service)}`, service, ...more);
}

/** Microseconds for people: three digits are enough. */
export function time(us) {
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1e6) return `${digits(us / 1000)} ms`;
  return us < 60e6 ? `${digits(us / 1e6)} s` : `${digits(us / 60e6)} min`;
}

const digits = (value) => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);

/** The class of a status code's colour. */
export const statusClass = (status) => (status >= 500 ? "bad" : status >= 400 ? "poor" : "good");

/** A relative address as JSON; an Error with what the server says when it refuses. */
export async function load(address) {
  const response = await fetch(address, { credentials: "same-origin" }).catch(() => {
    throw new Error("The server cannot be reached.");
  });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.detail ?? `The server answered ${response.status}.`);
  return body;
}

/** Shows how it went. */
export function say(text, failed = false) {
  byId("outcome").textContent = text;
  byId("outcome").className = failed ? "failure" : "";
}
