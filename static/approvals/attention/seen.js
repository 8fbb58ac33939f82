// @ts-check
// What has been on the screen of the open proposal, and that it is there.
//
// Approving is possible once everything that would be carried out was unfolded and passed by: until then the
// button says how much is missing and leads to it. The server refuses what this page does not vouch for. Besides, a
// beat every few seconds tells who has the proposal open; the answer says who else has.

const BEAT = 10_000;

/** @type {Find} */
const find = (selector, within = document) => within.querySelector(selector);
const proposal = () => find("#proposal");
const chosen = () => find(".suggestion:has(.suggestion-radio:checked)");
/** @type {(rank: string) => HTMLFormElement | null} */
const formOf = (rank) => find(`form[data-verb="approve"][data-rank="${rank}"]`);
/** @type {(name: string, form: HTMLFormElement) => HTMLInputElement | null} */
const field = (name, form) => find(`[name=${name}]`, form);
const digestOf = (form) => field("action_digest", form)?.value ?? "";

// --- What was shown ------------------------------------------------------------------------------

const shown = new Map(); // proposal and digest → the parts of it that were on the screen

function shownOf(form) {
  const key = `${proposal().dataset.id} ${digestOf(form)}`;
  if (!shown.has(key)) shown.set(key, new Set());
  return shown.get(key);
}

const endsIn = (card) => [...card.querySelectorAll(".end[data-seen]")];

function missing(card) {
  const form = card && formOf(card.dataset.rank);
  if (!form) return [];
  const seen = shownOf(form);
  return endsIn(card).filter((end) => !seen.has(end.dataset.seen));
}

const BAR = 64; // on a phone the bar of verbs lies over the end of the page
const eyes = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) see(target);
    tellAll();
  },
  { rootMargin: `0px 0px -${BAR}px 0px` },
);

function see(end) {
  const card = end.closest(".suggestion");
  const form = card && end.isConnected && formOf(card.dataset.rank);
  const folded = end.closest(".long-value") && !end.closest(".long-value").previousElementSibling.open;
  if (!form || folded || document.hidden) return;
  shownOf(form).add(end.dataset.seen);
  eyes.unobserve(end);
}

/** The observer is told a moment late: what came on the screen just now counts for a key pressed just now. */
function glance(card) {
  for (const end of missing(card)) {
    const { top, height } = end.getBoundingClientRect();
    const at = document.elementFromPoint(end.getBoundingClientRect().left + 1, top);
    if (top >= 0 && top + height <= innerHeight - BAR && at && card.contains(at)) see(end);
  }
  tell(card);
}

function watch() {
  eyes.disconnect();
  for (const end of document.querySelectorAll("#proposal .end[data-seen]")) eyes.observe(end);
  tellAll();
}

function tellAll() {
  const cards = document.querySelectorAll("#proposal .suggestion");
  for (const card of cards) tell(card);
  if (chosen() && !missing(chosen()).length) vouch();
}

/** The button says what it does now; the field says to the server that all was shown. */
function tell(card) {
  const form = formOf(card.dataset.rank);
  if (!form) return;
  find("noscript", form)?.remove();
  const left = missing(card).length;
  const digest = field("shown", form) ?? form.appendChild(Object.assign(document.createElement("input"), { type: "hidden", name: "shown" }));
  digest.value = left ? "" : digestOf(form);
  const button = find(".button-approve", form);
  if (!button) return;
  button.classList.toggle("is-unseen", left > 0);
  let note = find(".verb-unseen", button);
  if (left && !note) find(".verb-text", button).after((note = Object.assign(document.createElement("span"), { className: "verb-unseen" })));
  if (note) {
    const text = left ? `${left} part${left > 1 ? "s" : ""} not seen yet · show next` : "";
    if (note.textContent !== text) note.textContent = text;
    note.hidden = !left;
  }
}

/** Lead to the next part that was not on the screen: unfold it, then page by page to its end. */
function showNext(card) {
  const [end] = missing(card);
  if (!end) return;
  const long = end.closest(".long-value");
  const fold = long?.previousElementSibling;
  if (fold && !fold.open) {
    fold.open = true;
    long.closest(".arg").scrollIntoView({ block: "start" });
    return;
  }
  const far = end.getBoundingClientRect().top > 2 * innerHeight;
  const scroller = ["#proposal-main", "#proposal-scroll"].map((it) => find(it)).find((it) => it && it.scrollHeight > it.clientHeight + 1 && getComputedStyle(it).overflowY !== "visible");
  if (long && far) (scroller ?? document.scrollingElement).scrollBy({ top: 0.85 * (scroller?.clientHeight ?? innerHeight) });
  else end.scrollIntoView({ block: "center" });
}

// On the window: before anything else hears of it.
addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    if (!form.matches?.('form[data-verb="approve"][data-rank]')) return;
    const card = find(`.suggestion[data-rank="${form.dataset.rank}"]`);
    if (!card || !missing(card).length) return;
    glance(card);
    if (!missing(card).length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    showNext(card);
  },
  true,
);

document.addEventListener("change", ({ target }) => target.matches(".suggestion-radio") && watch());
// What was folded and is on the screen already counts as soon as it opens.
document.addEventListener("toggle", ({ target }) => target.matches?.(".long") && watch(), true);
document.addEventListener("visibilitychange", () => document.hidden || watch());

// --- The beat -------------------------------------------------------------------------------------

let looking = null; // { url, since, vouched }: what is on the screen now
// The farewell of a page that is loaded anew may come in after the first beat of the new one, and is not for that.
const page = Math.random().toString(36).slice(2, 14);

const token = () => {
  try {
    return JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  } catch {
    return "";
  }
};

function said(more) {
  const now = performance.now();
  const seconds = Math.round((now - looking.since) / 1000);
  looking.since = now;
  const form = new FormData();
  const all = { csrfmiddlewaretoken: token(), seconds, all_shown: looking.vouched, page, ...more };
  for (const [name, value] of Object.entries(all)) form.append(name, value);
  return form;
}

async function beat() {
  if (!looking || document.hidden) return;
  const { url } = looking;
  try {
    const answer = await fetch(url, { method: "POST", body: said({}), headers: { "HX-Request": "true" } });
    if (!answer.ok || answer.redirected) throw new Error(`The beat was answered ${answer.status}`);
    const line = find("[data-present]");
    const text = (await answer.text()).trim();
    const is = parsed(text);
    if (looking?.url === url && line && line.textContent.trim() !== is) line.textContent = is;
  } catch {
    // Who is here is a help: without it everything else goes on.
  }
}

const parsed = (html) => new DOMParser().parseFromString(html, "text/html").body.textContent;

function leave() {
  if (looking) navigator.sendBeacon(looking.url, said({ leaves: true }));
  looking = null;
}

function arrive() {
  const url = proposal()?.dataset.lookUrl;
  if (looking?.url === url) return;
  leave();
  if (!url || document.hidden) return;
  looking = { url, since: performance.now(), vouched: false };
  tellAll();
  beat();
}

/** Everything of the chosen suggestion was shown: told at once, for it may be decided together with others. */
function vouch() {
  if (!looking || looking.vouched) return;
  looking.vouched = true;
  beat();
}

setInterval(beat, BEAT);
document.addEventListener("visibilitychange", () => (document.hidden ? leave() : arrive()));
addEventListener("pagehide", leave);
addEventListener("pageshow", arrive);
document.addEventListener("desk:rows", () => {
  // The row was drawn anew: perhaps somebody came or left.
  const row = document.getElementById(`proposal-${proposal()?.dataset.id}`);
  if (looking && row && row !== looking.row) {
    if (looking.row) beat();
    looking.row = row;
  }
});
document.addEventListener("htmx:afterSwap", ({ detail: { target } }) => {
  if (target.id !== "detail") return;
  watch();
  arrive();
});

watch();
arrive();
