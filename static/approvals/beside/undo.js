// @ts-check
// The approvals that can still be undone: counted down by the seconds the server gave, whatever the clock here says.

/** @type {Find} */
const find = (selector, within = document) => within.querySelector(selector);
const tell = (type, detail) => document.dispatchEvent(new CustomEvent(type, { detail }));
const bar = find("#undo");
const ends = new WeakMap(); // element → when its time is over, on the clock that only ever runs forward
const told = new Set([...bar.querySelectorAll("[data-undo]")].map((one) => one.dataset.undo)); // before a reload

/** @type {() => HTMLDetailsElement | null} */
const folded = () => find("#undo-more", bar);

const EARLY = 0.5; // seconds in which a click would come too late anyway

function start(within) {
  for (const time of within.querySelectorAll?.("[data-left]") ?? []) {
    ends.set(time, performance.now() + (Number(time.dataset.left) - EARLY) * 1000);
  }
}

function count() {
  for (const time of document.querySelectorAll("[data-left]")) {
    const left = Math.ceil((ends.get(time) - performance.now()) / 1000);
    if (left > 0) time.textContent = left < 100 ? `${left} s` : `${Math.ceil(left / 60)} min`;
    else over(time);
  }
}

/** Its time is over: what can't be undone is not offered. */
function over(time) {
  const form = time.closest("form");
  if (form.dataset.sent) return;
  if (form.contains(document.activeElement)) find("#detail h1")?.focus({ preventScroll: true });
  form.remove();
  lead();
}

/** One is in sight, the others are folded: the next of them takes its place. */
function fold() {
  const more = folded();
  const rest = more && more.querySelectorAll(".undo-one");
  if (more && !find(":scope > .undo-one", bar)) {
    const focused = rest[0].contains(document.activeElement);
    more.before(rest[0]);
    if (focused) find("button", rest[0]).focus({ preventScroll: true }); // what is moved has lost it
  }
  const left = bar.querySelectorAll(".undo-rest .undo-one").length;
  if (more && left) find("[data-undo-more]", more).textContent = `${left} more`;
  else more?.remove();
}

/** The key undoes the first. */
function lead() {
  fold();
  const first = find(".undo-one button", bar);
  if (!first || find("kbd", first)) return;
  const key = document.createElement("kbd");
  key.textContent = "U";
  key.ariaHidden = "true";
  first.append(" ", key);
}

function announce() {
  for (const one of bar.querySelectorAll("[data-undo]")) {
    if (told.has(one.dataset.undo)) continue;
    told.add(one.dataset.undo);
    const text = `Approved: ${one.dataset.sentence}. Can be undone for ${find("[data-left]", one).textContent}`;
    tell("page:announce", { text, topic: `decided ${one.dataset.undo}` });
  }
  const here = new Set([...bar.querySelectorAll("[data-undo]")].map((one) => one.dataset.undo));
  for (const id of told) if (!here.has(id)) told.delete(id); // approved anew, it is told anew
}

let asking = false;
let again = false; // what was decided since is not in the answer
let isRead = false;
async function refresh() {
  again = asking;
  if (asking) return;
  asking = true;
  isRead = false;
  const unfolded = folded()?.open;
  try {
    // From the bar: what the page asks for by itself waits in one place, and the last takes it from the others.
    await htmx.ajax("GET", bar.dataset.url + location.search, { source: bar, target: "#undo", swap: "innerHTML" });
    const more = folded();
    if (more && unfolded) more.open = true;
  } catch {
    // The page says by itself that the server can't be reached.
  } finally {
    asking = false;
  }
  if (again) refresh();
  else tell("desk:undo-read", { isRead }); // it has all that was decided before
}

/** On a phone it stands above the decision bar, however high that is. */
function makeRoom() {
  const height = find("#decision")?.offsetHeight ?? 0;
  document.documentElement.style.setProperty("--bar", `${height}px`);
}
addEventListener("resize", makeRoom);

makeRoom();
start(document);
lead();
count();
setInterval(count, 250);
document.addEventListener("htmx:afterSwap", ({ detail: { target } }) => {
  makeRoom();
  start(target);
  count();
  if (target !== bar) return;
  isRead = true;
  lead();
  announce();
});
document.addEventListener("desk:decided", refresh);
addEventListener("pageshow", ({ persisted }) => persisted && refresh());
// Undone elsewhere, or by another who had approved it too: its row says so.
document.addEventListener("desk:rows", () => {
  if (find("[data-sent]", bar)) return; // a form must be there when its answer comes; that asks again
  for (const one of bar.querySelectorAll("[data-undo]")) {
    const row = document.getElementById(`proposal-${one.dataset.undo}`);
    if (row && row.dataset.status === "pending") return refresh();
  }
});
