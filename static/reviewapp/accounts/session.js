// @ts-check
// A session that ends while somebody works. The page says so, keeps what was typed, and goes on once they have signed
// in beside it: then its forms get a token of the new session, for the old one counts no more.

const me = document.body.dataset.user;
/** @type {HTMLDialogElement} */
const dialog = document.querySelector("#signed-out");
const tell = (text) => document.dispatchEvent(new CustomEvent("page:toast", { detail: { text } }));
let out = !me && document.querySelector("form[method=post] [href*='signed-in']") !== null;

function signedOut() {
  out = true;
  if (dialog && !dialog.open) dialog.showModal();
}
document.addEventListener("page:signed-out", signedOut);
function refused({ status, why }) {
  if (status === 401) signedOut();
  else if (why === "page-too-old") look("This page was older than your sign-in.");
}
document.addEventListener("page:refused", ({ detail }) => refused(detail));
document.addEventListener("htmx:responseError", ({ detail: { xhr } }) => refused({ status: xhr.status, why: xhr.getResponseHeader("X-Refused") }));

// A form that goes to another page would take what is typed along.
document.addEventListener(
  "submit",
  (event) => {
    if (!out || !dialog || event.target.method === "dialog") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    signedOut();
  },
  true,
);

/** Is the same person signed in again? Then every form of this page may be sent. */
async function look(why) {
  const { user, name, token } = await (await fetch("/accounts/session/")).json();
  const other = dialog?.querySelector("[data-somebody-else]");
  if (other) other.hidden = !user || user === me;
  if (!user || (me && user !== me)) {
    if (user && other) other.textContent = `${name} is signed in now. This page is yours: sign in as yourself again.`;
    return signedOut();
  }
  document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRFToken": token }));
  /** @type {NodeListOf<HTMLInputElement>} */
  const fields = document.querySelectorAll("[name=csrfmiddlewaretoken]");
  for (const field of fields) field.value = token;
  out = false;
  if (dialog?.open) dialog.close();
  tell(`${why} What you typed is still here: send it once more.`);
}
const back = () => out && !document.hidden && look("You are signed in again.").catch(() => {});
document.addEventListener("visibilitychange", back);
addEventListener("focus", back);
