// Shows the album of a public link. Text is only ever set as text, never as markup.

const secret = location.hash.slice(1);
// Out of the address bar, the history and whatever is copied from them, before anything else happens.
history.replaceState(null, "", location.pathname);
// Another link opened in the same tab differs behind the # only, for which browsers load nothing anew.
addEventListener("hashchange", () => location.reload());

const byId = (id) => document.getElementById(id);
const [form, more, outcome] = [byId("open"), byId("more"), byId("outcome")];
let nextPageToken = "";

function say(text, kind = "") {
  outcome.textContent = text;
  outcome.className = kind;
}

/** Relative, so that the page works below a path, too. */
async function ask(path, init) {
  const response = await fetch(`api/v1/links/${path}`, { credentials: "same-origin", ...init });
  const body = await response.json().catch(() => ({}));
  return {
    ok: response.ok,
    reason: body.reason,
    text: body.detail ?? "The server did not understand.",
    body,
  };
}

function tile({ id, width, height }, originals) {
  const image = document.createElement("img");
  image.src = `api/v1/links/photos/${id}/thumbnail`;
  image.alt = `Photo, ${width} by ${height} pixels`;
  image.loading = "lazy";
  const link = document.createElement("a");
  link.href = `api/v1/links/photos/${id}/${originals ? "original" : "preview"}`;
  link.append(image);
  const item = document.createElement("li");
  item.append(link);
  return item;
}

async function showPage() {
  const { ok, text, body } = await ask(`album?pageToken=${encodeURIComponent(nextPageToken)}`);
  if (!ok) return say(text, "failure");
  byId("name").textContent = body.name;
  byId("description").textContent = body.description;
  byId("photos").append(...body.items.map((photo) => tile(photo, body.originals)));
  nextPageToken = body.nextPageToken;
  more.hidden = nextPageToken === "";
  say(byId("photos").childElementCount === 0 ? "There are no photos in this album." : "");
}

async function open(password) {
  say("One moment…");
  const { ok, reason, text } = await ask("open", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(password === undefined ? { secret } : { secret, password }),
  });
  form.hidden = reason !== "LINK_PASSWORD_REQUIRED" && reason !== "INVALID_LINK_PASSWORD";
  if (ok) return showPage();
  say(text, reason === "LINK_PASSWORD_REQUIRED" ? "" : "failure");
}

/** Whatever breaks on the way is told. */
const safely = (work) =>
  work().catch(() => say("The server cannot be reached. Try again in a moment.", "failure"));

form.addEventListener("submit", (event) => {
  event.preventDefault();
  safely(() => open(byId("password").value));
});
more.addEventListener("click", () => safely(showPage));
// Loaded anew, the visit may still be open.
safely(() => (secret === "" ? showPage() : open()));
