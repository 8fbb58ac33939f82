// @ts-check
// Selecting rows: by box, with Shift for all between two, or with the key that asks for it. What is selected
// outlives a row that is drawn again; what was decided meanwhile is selected no more.

const MOST = 100;
/** @type {Find} */
const find = (selector, within = document) => within.querySelector(selector);
const tell = (type, detail) => document.dispatchEvent(new CustomEvent(type, { detail }));
const form = find("#select-form");
const BOX = ".row-select input";
const boxes = () => {
  /** @type {NodeListOf<HTMLInputElement>} */
  const all = document.querySelectorAll(`#rows ${BOX}`);
  return [...all];
};
/** @type {(row: HTMLElement) => HTMLInputElement | null} */
const boxOf = (row) => find(BOX, row);
const selected = new Set();
let last = null; // the box that was changed last, for Shift

function show(said) {
  const [all, none] = [find("[data-select-all]", form), find("[data-select-none]", form)];
  all.hidden = selected.size === boxes().length;
  none.hidden = false;
  find("[data-selected]", form).textContent = `${selected.size} selected`;
  /** @type {HTMLButtonElement} */
  const go = find(".button-primary", form);
  go.disabled = !selected.size;
  if (said) tell("page:announce", { text: `${selected.size} selected`, topic: "selected", now: true });
}

/** Mark again what was selected, after rows were drawn anew; forget what can't be selected any more. */
function restore() {
  const there = new Map(boxes().map((box) => [box.value, box]));
  for (const id of selected) {
    if (there.has(id)) there.get(id).checked = true;
    else selected.delete(id);
  }
  for (const [id, box] of there) if (box.checked) selected.add(id);
  show(false);
}

function set(box, on) {
  if (on && !selected.has(box.value) && selected.size >= MOST) {
    box.checked = false;
    tell("page:toast", { text: `At most ${MOST} are decided at once.` });
    return;
  }
  box.checked = on;
  if (on) selected.add(box.value);
  else selected.delete(box.value);
}

function between(from, to) {
  const all = boxes();
  const ends = [all.indexOf(from), all.indexOf(to)].sort((a, b) => a - b);
  return ends[0] < 0 ? [to] : all.slice(ends[0], ends[1] + 1);
}

document.addEventListener("click", (event) => {
  /** @type {HTMLInputElement} */
  const box = event.target.closest?.(BOX);
  if (box) {
    const range = event.shiftKey && last?.isConnected ? between(last, box) : [box];
    for (const one of range) set(one, box.checked);
    last = box;
    show(true);
  }
  if (event.target.closest?.("[data-select-all]")) all(true);
  if (event.target.closest?.("[data-select-none]")) all(false);
});

function all(on) {
  for (const box of boxes().slice(0, on ? MOST : undefined)) set(box, on);
  show(true);
  // The bar is gone now, and with it the button that had the focus.
  if (!on) (find("#rows [aria-current]") ?? find("#rows .row-link"))?.focus({ preventScroll: true });
}

/** The key: of the row that the event comes from, else of the open one, else of the focused one. */
document.addEventListener("desk:select", ({ target }) => {
  const row =
    target.closest?.(".row") ?? document.activeElement.closest?.(".row") ?? find("#rows [aria-current]")?.closest(".row");
  const box = row && boxOf(row);
  if (!box) return;
  set(box, !box.checked);
  last = box;
  show(true);
});

if (form) {
  document.addEventListener("desk:rows", restore);
  document.addEventListener("htmx:afterSwap", restore);
  addEventListener("pageshow", restore);
  restore();
}
