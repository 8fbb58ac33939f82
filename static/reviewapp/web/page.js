// @ts-check
// What every page needs: how htmx asks and draws, menus that close, the theme, and two ways of telling (seen, and read aloud).

const root = document.documentElement;

// --- htmx, which begins once all scripts have run ----------------------------------------

Object.assign(htmx.config, {
  allowEval: false,
  allowScriptTags: false,
  historyCacheSize: 0,
  refreshOnHistoryMiss: true,
  defaultSettleDelay: 0,
  includeIndicatorStyles: false,
  selfRequestsOnly: true,
  scrollIntoViewOnBoost: false,
  attributesToSettle: [],
  timeout: 20_000,
  responseHandling: [
    { code: "204", swap: false },
    { code: "[23]..", swap: true },
    { code: "4(09|22)", swap: true },
    { code: "...", swap: false, error: true },
  ],
});

// --- Menus -------------------------------------------------------------------------------

function closeMenus(except) {
  /** @type {NodeListOf<HTMLDetailsElement>} */
  const open = document.querySelectorAll(".menu[open]");
  for (const menu of open) {
    if (!menu.contains(except)) menu.open = false;
  }
}
document.addEventListener("click", (event) => closeMenus(event.target));
document.addEventListener("focusin", (event) => closeMenus(event.target));
document.addEventListener("keydown", (event) => {
  /** @type {HTMLDetailsElement} */
  const menu = document.querySelector(".menu[open]");
  if (event.key !== "Escape" || !menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
  event.stopImmediatePropagation();
});

// --- Theme -------------------------------------------------------------------------------

const choice = document.querySelector("[data-theme-switch]");
if (choice) {
  choice.hidden = false;
  /** @type {HTMLInputElement} */
  const now = choice.querySelector(`[value=${root.dataset.theme ?? "system"}]`);
  now.checked = true;
  choice.addEventListener("change", ({ target }) => {
    if (target.value === "system") delete root.dataset.theme;
    else root.dataset.theme = target.value;
    try {
      localStorage.setItem("reviewapp.theme", target.value);
    } catch {
      // Not kept, but it holds for this page.
    }
  });
}

// --- Paper -------------------------------------------------------------------------------

document.addEventListener("click", ({ target }) => target.closest("[data-print]") && print());

// --- Telling -----------------------------------------------------------------------------

const SPOKEN_EVERY = 4000;
let unspoken = [];

function speak() {
  document.getElementById("announce").textContent = unspoken.slice(-3).map((said) => said.text).join(". ");
  unspoken = [];
}
document.addEventListener("page:announce", ({ detail }) => {
  if (!unspoken.length) setTimeout(speak, detail.now ? 50 : SPOKEN_EVERY);
  // On one topic only the last word counts, so that a burst is one sentence.
  if (detail.topic) unspoken = unspoken.filter((said) => said.topic !== detail.topic);
  unspoken.push(detail);
});

document.addEventListener("page:toast", ({ detail }) => {
  const toast = document.createElement("p");
  toast.className = detail.stays ? "toast toast-stays" : "toast";
  toast.textContent = detail.text;
  document.getElementById("toasts").replaceChildren(toast);
});

// --- Failures of a request, in words ---------------------------------------------------------

const tell = (text) => document.dispatchEvent(new CustomEvent("page:toast", { detail: { text } }));
const SAID = {
  403: "You may not do this; nothing was changed.",
  404: "This is gone, or not yours to see.",
  429: "Too many requests. Wait a moment and try again.",
};
document.addEventListener("htmx:responseError", ({ detail }) => {
  if (detail.xhr.status === 401 || detail.xhr.getResponseHeader("X-Refused")) return; // `session.js` says it
  tell(SAID[detail.xhr.status] ?? "The server failed. Open the item again to see where it stands.");
});
document.addEventListener("htmx:sendError", () => tell("The server can't be reached. Open the item again to see where it stands."));
document.addEventListener("htmx:timeout", () => tell("The server did not answer in time. Open the item again to see where it stands."));
