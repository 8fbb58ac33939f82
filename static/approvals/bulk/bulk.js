// @ts-check
// The table of several: how long it was looked at, one press for one answer, and the focus after a change.

/** @type {Find} */
const find = (selector, within = document) => within.querySelector(selector);
let seconds = 0;
setInterval(() => (seconds += document.visibilityState === "visible" ? 1 : 0), 1000);

/** @type {() => NodeListOf<HTMLButtonElement>} */
const buttons = () => document.querySelectorAll(".bulk-bar button");

function prepare() {
  for (const hidden of document.querySelectorAll(".bulk-bar [data-presets], .bulk-bar [data-close]")) hidden.hidden = false;
}

document.addEventListener("click", ({ target }) => {
  const preset = target.closest("[data-presets] button");
  const panel = target.closest(".verb-panel");
  if (preset) {
    const text = find("textarea", panel);
    text.value = text.value ? `${text.value.trimEnd()}\n${preset.textContent}` : preset.textContent;
    text.focus();
  }
  if (target.closest("[data-close]")) close(panel);
});
document.addEventListener("keydown", (event) => {
  const open = find(".bulk-bar .verb-panel[open]");
  if (event.key === "Escape" && open) close(open);
  // Held down, Enter would press again whatever stands there next.
  if (event.repeat && event.target.closest?.(".bulk-bar") && !event.target.matches("textarea")) event.preventDefault();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.repeat) {
    /** @type {HTMLFormElement} */
    const form = event.target.closest?.("[data-bulk]");
    form?.requestSubmit();
  }
});

function close(panel) {
  panel.open = false;
  find("summary", panel).focus();
}

document.addEventListener(
  "toggle",
  ({ target }) => {
    if (target.matches?.(".bulk-verb") && target.open) find("textarea", target).focus();
  },
  true,
);

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-bulk]")) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "true";
  /** @type {HTMLInputElement} */
  const field = find("[name=seconds]", form);
  field.value = String(seconds);
  setTimeout(() => {
    for (const button of buttons()) button.disabled = true;
  });
});
addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  for (const form of document.querySelectorAll("[data-bulk]")) delete form.dataset.sent;
  for (const button of buttons()) button.disabled = false;
});

// The button stands beside its form, where htmx does not look for what was pressed.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  const button = /** @type {HTMLButtonElement} */ (detail.triggeringEvent?.submitter);
  if (button?.getAttribute("form") === "bulk-rest") detail.formData.set(button.name, button.value);
});

// A line was left out: the one that has taken its place is next.
let place = 0;
document.addEventListener("htmx:beforeRequest", ({ detail: { elt, requestConfig } }) => {
  const row = requestConfig.triggeringEvent?.submitter?.closest("tr") ?? elt.closest("tr");
  place = [...document.querySelectorAll(".bulk-table tbody tr")].indexOf(row);
});
document.addEventListener("htmx:afterSettle", () => {
  prepare();
  if (!find("#bulk") || place < 0) return;
  const next = [...document.querySelectorAll(".bulk-table .cell-do button")];
  (next[Math.min(place, next.length - 1)] ?? find("h1")).focus({ preventScroll: true });
  const said = find("#bulk h1").textContent.trim();
  document.dispatchEvent(new CustomEvent("page:announce", { detail: { text: said, now: true, topic: "sum" } }));
});
prepare();
