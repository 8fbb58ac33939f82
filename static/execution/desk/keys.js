// @ts-check
// The keys of the pages of executions: through the list, and to the forms of one. By mouse everything works without.

/** @type {Find} */
const find = (selector, within = document) => within.querySelector(selector);
const say = (text) => document.dispatchEvent(new CustomEvent("page:announce", { detail: { text, now: true } }));
const main = find("#main");
/** @type {() => HTMLElement[]} */
const rows = () => [...main.querySelectorAll("tbody > tr[id]")];
const NAMES = { retry: "Retry", done: "Mark as done", cancel: "Cancel" };

let chosen = ""; // the id of the row that had the focus last
document.addEventListener("focusin", ({ target }) => (chosen = target.closest("#main tbody > tr")?.id ?? chosen));

function move(step) {
  const all = rows();
  if (!all.length) return;
  const row = all[Math.max(-1, all.findIndex(({ id }) => id === chosen)) + step];
  if (!row) return say(step > 0 ? "End of the list" : "Start of the list");
  find(".cell-main", row).focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

/** To the form of the row that was chosen; on the page of one there is one of each. */
function act(verb) {
  const scope = rows().length ? document.getElementById(chosen) : main;
  if (!scope) return say("Choose an execution first, with J and K");
  const it = find(`[data-do=${verb}]`, scope);
  if (!it) return say(`${NAMES[verb]} is not possible here`);
  if (it instanceof HTMLDetailsElement) it.open = true;
  (find("input:not([type=hidden]), select, textarea, button", it) ?? it).focus();
}

function close() {
  const at = document.activeElement;
  /** @type {HTMLDetailsElement} */
  const open = at.closest("#main details[open]") ?? find("details[data-do][open]", main);
  if (open) {
    open.open = false;
    find("summary", open).focus();
  } else if (at instanceof HTMLElement && typing(at)) at.blur();
}

/** @type {() => HTMLDialogElement} */
const help = () => find("#help");
/** @type {() => HTMLInputElement} */
const single = () => find("#keys-on"); // the server keeps it for this person

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  r: () => act("retry"),
  d: () => act("done"),
  c: () => act("cancel"),
  u: () => find(".back-link", main)?.click(),
  "?": () => help().showModal(),
};

const typing = (target) => target.closest?.("textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])");

document.addEventListener("keydown", (event) => {
  if (find("dialog[open]")) return;
  if (event.key === "Escape") return close();
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || !single().checked) return;
  const key = event.key.toLowerCase();
  if (!(key in KEYS)) return;
  event.preventDefault();
  if (!event.repeat || key === "j" || key === "k") KEYS[key]();
});
document.addEventListener("click", ({ target }) => target.closest("[data-help]") && help().showModal());
