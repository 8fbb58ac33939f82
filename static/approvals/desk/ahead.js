// @ts-check
// What comes next in the list is fetched while somebody reads, so that it is on the screen as soon as it is opened.
//
// It is kept on this page alone and for a while, as long as the page is told of every change; what its row says
// otherwise is thrown away. Nothing is told to the server by it but that the page was read: looking begins when it shows.

const AHEAD = 2; // items after the open one
const KEPT_FOR = 60_000; // of what no push tells: what was decided on others like it
const SOON = 80; // milliseconds of rest, for who runs through the list reads nothing

/** @type {Find} */
const find = (selector, within = document) => within.querySelector(selector);
const live = () => find("#live-status").dataset.state === "live";
const waits = ({ dataset }) => dataset.status === "pending" && !("away" in dataset);
const addressOf = (row) => find(".row-link", row).getAttribute("href");
const stateOf = ({ dataset }) => `${dataset.version} ${dataset.contradicts}`;

const kept = new Map(); // address → { html, state, at }
const asked = new Map(); // address → what calls the question off

/** The next that wait, after the open one. */
function next() {
  const rows = [...find("#rows").children];
  const here = rows.findIndex((row) => find("[aria-current]", row));
  return rows.slice(here + 1).filter(waits).slice(0, AHEAD);
}

const isOld = (one) => performance.now() - one.at >= KEPT_FOR;

/** Is it still what the server would draw, as far as this page was told? */
const holds = (one, row) => Boolean(one) && live() && one.state === stateOf(row);

let resting = null;
function lookAhead() {
  resting ??= setTimeout(fetchNext, SOON);
}

function fetchNext() {
  resting = null;
  if (document.hidden || find("#detail.is-waiting")) return; // what is asked for now goes first; its end comes here
  const rows = live() ? next() : [];
  const addresses = rows.map(addressOf);
  for (const address of kept.keys()) if (!addresses.includes(address)) kept.delete(address);
  for (const [address, asking] of asked) if (!addresses.includes(address)) asking.abort();
  for (const row of rows) if (!holds(kept.get(addressOf(row)), row) && !asked.has(addressOf(row))) ask(row);
  show();
}

async function ask(row) {
  const address = addressOf(row);
  const state = stateOf(row); // before the question: what changes meanwhile is not in the answer for sure
  const asking = new AbortController();
  asked.set(address, asking);
  kept.delete(address);
  const headers = { "HX-Request": "true", "HX-Target": "detail", "HX-Current-URL": location.href };
  try {
    const answer = await fetch(address, { headers, priority: "low", signal: asking.signal });
    if (answer.status !== 200 || answer.redirected || answer.headers.has("HX-Redirect")) return;
    kept.set(address, { html: await answer.text(), state, at: performance.now() });
  } catch {
    // It is fetched when it is opened.
  } finally {
    asked.delete(address);
    show();
  }
}

/** Says on the page which are here, for rows that are drawn anew, and for who measures or tries it. */
function show() {
  for (const row of find("#rows").children) {
    const one = kept.get(addressOf(row));
    row.toggleAttribute("data-kept", Boolean(one));
    // What this person has answered already waits for others: whoever decides goes past it.
    if (one) row.toggleAttribute("data-answered", !one.html.includes('data-verb="reject"'));
  }
}

document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, target, pathInfo } = event.detail;
  if (target?.id !== "detail" || !elt?.matches(".row-link")) return;
  const one = kept.get(elt.getAttribute("href"));
  if (!holds(one, elt.closest(".row")) || isOld(one)) return;
  kept.delete(elt.getAttribute("href"));
  event.preventDefault();
  event.stopImmediatePropagation(); // nobody waits for it
  htmx.trigger(target, "htmx:beforeSwap", event.detail);
  history.replaceState({ htmx: true }, ""); // marked as htmx marks them, which then knows the way back
  history.pushState({ htmx: true }, "", pathInfo.requestPath);
  const how = { swapStyle: "innerHTML", swapDelay: 0, settleDelay: 0, show: "top", showTarget: "window" };
  htmx.swap(target, one.html, how, { eventInfo: event.detail, contextElement: target });
});

function forget() {
  kept.clear();
  for (const asking of asked.values()) asking.abort();
  lookAhead();
}
document.addEventListener("page:halts", forget);
document.addEventListener("page:signed-out", forget);

/** Somebody who is still here after a while is about to go on. */
function renew() {
  for (const [address, one] of kept) if (isOld(one)) kept.delete(address);
  if (!kept.size) lookAhead();
}
for (const gesture of ["pointermove", "keydown", "wheel"]) document.addEventListener(gesture, renew, { passive: true });

document.addEventListener("desk:rows", lookAhead);
document.addEventListener("visibilitychange", lookAhead);
document.addEventListener("desk:live", lookAhead);
const ended = ({ detail: { target } }) => target?.id === "detail" && lookAhead();
document.addEventListener("htmx:afterSettle", ended);
document.addEventListener("htmx:afterRequest", ended); // also where nothing came
