// @ts-check
// The editor of policies and of workflows: line numbers beside the text, mistakes marked on them, a click leads to the place.

/** @type {HTMLTextAreaElement} */
const area = document.querySelector("#policy-text, #workflow-text");
const gutter = document.querySelector(".gutter");
const check = document.querySelector("#policy-check, #workflow-check");

function number() {
  const lines = area.value.split("\n").length;
  while (gutter.childElementCount > lines) gutter.lastElementChild.remove();
  while (gutter.childElementCount < lines) {
    const line = document.createElement("span");
    line.textContent = String(gutter.childElementCount + 1);
    gutter.append(line);
  }
}
function mark() {
  for (const line of gutter.children) line.className = "";
  for (const found of check.querySelectorAll("[data-line]")) {
    const line = gutter.children[Number(found.dataset.line) - 1];
    if (line && line.className !== "is-wrong") line.className = "mild" in found.dataset ? "is-mild" : "is-wrong";
  }
}
function follow() {
  gutter.scrollTop = area.scrollTop;
}
function lead(line, column) {
  const before = area.value.split("\n").slice(0, line - 1);
  const at = before.reduce((sum, text) => sum + text.length + 1, 0);
  const text = area.value.split("\n")[line - 1] ?? "";
  // Columns count characters; the field counts what long ones are made of.
  const start = at + [...text].slice(0, column - 1).join("").length;
  area.focus();
  area.setSelectionRange(start, Math.max(at + text.length, start));
  area.scrollTop = (line - 4) * parseFloat(getComputedStyle(area).lineHeight);
}

// Who leaves with something unkept is asked once more.
const kept = area.value;
let keeping = false;
area.form.addEventListener("submit", () => (keeping = true));
addEventListener("beforeunload", (event) => {
  if (!keeping && area.value !== kept) event.preventDefault();
});

gutter.hidden = false;
area.addEventListener("input", number);
area.addEventListener("scroll", follow);
check.addEventListener("htmx:afterSwap", mark);
check.addEventListener("click", (event) => {
  const found = event.target.closest("[data-line]");
  if (!found) return;
  event.preventDefault();
  lead(Number(found.dataset.line), Number(found.dataset.column));
});
// What somebody wrote before the scripts were there, or had written when the browser loaded the page anew.
addEventListener("load", () => {
  if (area.value !== area.defaultValue) area.dispatchEvent(new Event("written-before"));
});
new ResizeObserver(follow).observe(area);
number();
mark();
