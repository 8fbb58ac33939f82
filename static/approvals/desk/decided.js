// @ts-check
// Rows that are decided fold into one line above the list, so that what waits is what one sees. They fold when somebody
// has decided something themselves, never while they only read: the list does not move under their eyes.

const FROM = 3;
/** @type {Find} */
const find = (selector, within = document) => within.querySelector(selector);
const rows = () => [...document.querySelectorAll("#rows > .row")];
const isDecided = (row) => (row.dataset.status !== "pending" || "away" in row.dataset) && !find("[aria-current]", row);

const folded = new Set(); // ids of rows
let due = false;

/** Show or hide what is folded; a row that waits again, or is open, comes out. */
function draw() {
  const line = find("[data-decided]");
  if (!line) return;
  const button = find("button", line);
  const all = rows();
  for (const row of all) if (!isDecided(row)) folded.delete(row.id);
  const those = all.filter((row) => folded.has(row.id));
  const open = button.getAttribute("aria-expanded") === "true";
  for (const row of all) row.hidden = folded.has(row.id) && !open;
  line.hidden = !those.length;
  find("[data-decided-count]", line).textContent = String(those.length);
  find("[data-decided-verb]", line).textContent = open ? "Hide" : "Show";
}

function fold() {
  const decided = rows().filter(isDecided);
  if (due && decided.length >= FROM) {
    due = false;
    for (const row of decided) folded.add(row.id);
    find("#rows [aria-current]")?.parentElement.scrollIntoView({ block: "nearest" });
  }
  draw();
}

document.addEventListener("desk:decided", ({ detail }) => {
  due ||= !detail.refused;
  fold();
});
document.addEventListener("desk:sent", () => {
  due = true;
  setTimeout(fold); // once the page went on
});
document.addEventListener("desk:rows", fold);
document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-decided] button");
  if (!button) return;
  button.setAttribute("aria-expanded", String(button.getAttribute("aria-expanded") !== "true"));
  draw();
});
