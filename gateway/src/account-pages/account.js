// Carries the token of an e-mailed link to the API. Text is only ever set as text, never as markup.

const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
// Out of the address bar, the history and whatever is copied from them, before anything else happens.
history.replaceState(null, "", location.pathname);
// Another link opened in the same tab differs behind the # only, for which browsers load nothing anew.
addEventListener("hashchange", () => location.reload());

const outcome = document.getElementById("outcome");

function say(text, kind) {
  outcome.textContent = text;
  outcome.className = kind;
}

const fieldNames = { newPassword: "The new password", token: "The link" };

/** What went wrong, in the words of the server, field by field where it names them. */
async function explain(response) {
  const problem = await response.json().catch(() => ({}));
  const fields = Array.isArray(problem.errors) ? problem.errors : [];
  const details = fields.map(({ field, description }) => `${fieldNames[field] ?? field} ${description}`);
  const text = problem.detail ?? problem.title ?? `The server answered with ${response.status}.`;
  return details.length > 0 ? `${text} ${details.join("; ")}.` : text;
}

/** Shows a form; it disappears once the server took what it sends. */
function offer(form, { path, body, done }) {
  const button = form.querySelector("button");
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const content = body();
    if (!content) return;
    button.disabled = true;
    say("One moment…", "");
    try {
      // Relative, so that the pages work below a path, too.
      const response = await fetch(`../api/v1/auth/${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(content),
        credentials: "omit",
      });
      if (!response.ok) return say(await explain(response), "failure");
      form.hidden = true;
      form.reset();
      say(done, "success");
    } catch {
      say("The server cannot be reached. Try again in a moment.", "failure");
    } finally {
      button.disabled = false;
    }
  });
}

const verifyEmail = document.getElementById("verify-email");
const resetPassword = document.getElementById("reset-password");

if (token === "") {
  say("Open this page with the link from your e-mail; a link works in full only.", "failure");
} else if (verifyEmail) {
  // Not by itself: programs that open links in mail to look for malware would confirm addresses for strangers.
  offer(verifyEmail, {
    path: "email/verify",
    body: () => ({ token }),
    done: "Your e-mail address is confirmed. You can close this page.",
  });
} else if (resetPassword) {
  const [first, second] = resetPassword.querySelectorAll("input");
  offer(resetPassword, {
    path: "password/reset",
    body() {
      if (first.value === second.value) return { token, newPassword: first.value };
      say("The two passwords differ.", "failure");
    },
    done: "Your new password is set, and every session was ended. You can close this page and sign in.",
  });
}
