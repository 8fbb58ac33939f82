// @ts-check
// Keeps a page of executions true while somebody reads it. A push says that something changed and never what: the page
// asks for itself as it is by now, and takes over what differs.
//
// What is unfolded or has the focus stays the element that it is. A form that somebody is at is left alone as a whole
// and says that there is news. What they look at stays where it is on the screen.

const POLL = 15_000;
const EVERY = 1000; // milliseconds between two times that the page is asked for, however much happens
const SHARE = 3; // and so many times what the server takes for it, up to
const AT_LAST = 5000;
const SPREAD = 300; // not every page asks in the same moment
const MOVED = 400; // nobody sees faster than this that another row is under the pointer
const TALK = 15_000; // between two sentences about the list

/** @type {Find} */
const find = (selector, within = document) => within.querySelector(selector);
const tell = (type, detail) => document.dispatchEvent(new CustomEvent(type, { detail }));
const main = find("#main");

// --- What differs -------------------------------------------------------------------------------

/** Without what is drawn anew each time, and what scripts, people and what they have in their browser did to it. */
function bare(part) {
  const copy = part.cloneNode(true);
  for (const it of copy.querySelectorAll("[data-note], [name=csrfmiddlewaretoken]")) it.remove();
  for (const it of [copy, ...copy.querySelectorAll("[style]")]) it.removeAttribute("style"); // the server draws none
  for (const it of [copy, ...copy.querySelectorAll("details, time")]) {
    if (it.localName === "details") it.removeAttribute("open");
    if (it.localName !== "time") continue;
    it.textContent = "";
    for (const added of ["title", "data-urgency"]) it.removeAttribute(added);
  }
  copy.normalize();
  return copy;
}
const same = (old, fresh) => bare(old).isEqualNode(bare(fresh));

/** The children by what they are known by when they are drawn again. */
function keyed(parent) {
  const found = new Map();
  const alike = new Map();
  for (const it of parent.children) {
    if (it.matches("[data-note]")) continue;
    const summary = find(":scope > summary", it)?.textContent.trim() ?? "";
    const name = it.id || it.getAttribute("aria-labelledby") || `${it.localName} ${summary}`;
    alike.set(name, (alike.get(name) ?? 0) + 1);
    found.set(`${name} ${alike.get(name)}`, it);
  }
  return found;
}

// --- What somebody has in hand --------------------------------------------------------------------

const TEXTS = "textarea, input:not([type=hidden], [type=checkbox], [type=radio])";
let yielding = null; // a form whose person wants to see what changed
let words = []; // what they had typed there: the ids of fields, with their texts

const typed = (form) => [...form.querySelectorAll(TEXTS)].filter((it) => it.value !== it.defaultValue);

function inUse(it) {
  if (it === yielding || !it.matches("form")) return false;
  const field = document.activeElement?.matches("input, select, textarea") && it.contains(document.activeElement);
  return Boolean(it.closest("details")?.open || field || typed(it).length);
}
const used = (part) => [part, ...part.querySelectorAll("form")].filter(inUse);
const isHeld = (part) =>
  part.contains(document.activeElement) || part.matches("details[open]") || find("details[open]", part) || used(part).length > 0;

/** There is news for who is at this form: they say when they want to see it. */
function note(form) {
  if (find("[data-note]", form)) return;
  const { content } = /** @type {HTMLTemplateElement} */ (find("#changed-note"));
  form.prepend(document.importNode(content, true));
  tell("page:announce", { text: "What you are at changed meanwhile", topic: "note" });
}

document.addEventListener("click", ({ target }) => {
  const form = target.closest("[data-show-now]") && target.closest("form");
  if (!form) return;
  find("[data-note]", form).remove();
  yielding = form;
  words = typed(form).map(({ id, value }) => [id, value]);
  next = 0;
  want();
});

/** What was typed, into its fields as they are now; where they are gone it is at least shown. */
function putBack() {
  const lost = [];
  for (const [id, text] of words) {
    const field = /** @type {HTMLInputElement} */ (document.getElementById(id));
    if (field) field.value = text;
    else lost.push(text);
  }
  const first = document.getElementById(words[0]?.[0]);
  const fold = first?.closest("details");
  if (fold) fold.open = true;
  first?.focus({ preventScroll: true });
  if (lost.length) tell("page:toast", { text: `This can't be done any more. You had typed: “${lost.join("”, “")}”`, stays: true });
  yielding = null;
  words = [];
}

// --- Taking over ----------------------------------------------------------------------------------

function renew(old, fresh) {
  if (same(old, fresh)) return;
  if (inUse(old)) return note(old);
  const stays = old !== yielding && old.localName === fresh.localName && (old.matches("[data-parts]") || isHeld(old));
  if (!stays) return exchange(old, fresh);
  for (const { name } of [...old.attributes]) if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (name !== "open") old.setAttribute(name, value);
  renewWithin(old, fresh);
}

function exchange(old, fresh) {
  if (used(old).length) return used(old).forEach(note);
  old.replaceWith(fresh);
  htmx.process(fresh);
}

function drop(part) {
  if (used(part).length) return used(part).forEach(note);
  const heir = part.contains(document.activeElement) && (part.nextElementSibling ?? part.previousElementSibling ?? main);
  part.remove();
  if (heir) (find("a, button, summary", heir) ?? main).focus({ preventScroll: true });
}

/** The children of one as those of the other are. What stays is not moved: it would lose the focus. */
function renewWithin(old, fresh) {
  const known = keyed(old);
  const wanted = keyed(fresh);
  const keys = new Map([...wanted].map(([key, part]) => [part, key]));
  const leaves = [...known].filter(([key]) => !wanted.has(key)).map(([, part]) => part);
  leaves.forEach(drop);
  for (const it of [...old.childNodes]) if (it.nodeType !== Node.ELEMENT_NODE) it.remove();
  let place = old.firstElementChild; // before which the next one belongs
  for (const it of [...fresh.childNodes]) {
    while (place && (leaves.includes(place) || place.matches("[data-note]"))) place = place.nextElementSibling;
    const mine = known.get(keys.get(it));
    if (!mine) {
      old.insertBefore(it, place);
      if (it.nodeType === Node.ELEMENT_NODE) htmx.process(it);
      continue;
    }
    if (mine === place) place = place.nextElementSibling;
    else old.insertBefore(mine, place);
    renew(mine, it);
  }
}

// --- The place on the screen ------------------------------------------------------------------------

let slipped = -MOVED; // when what was under the pointer could not be kept there

const topOf = (it) => it.getBoundingClientRect().top;
const isSeen = (it) => it.getBoundingClientRect().bottom > 0 && topOf(it) < innerHeight;
const PLACES = ":is(tr, li, h2)[id]";

/** What is to stay where it is: what has the focus or is under the pointer; further down the first that one sees. */
function held() {
  const own = [document.activeElement?.closest(`#main ${PLACES}`), find("tr[id]:hover", main)].find((it) => it && isSeen(it));
  return own ?? (scrollY > 0 ? [...main.querySelectorAll(PLACES)].find(isSeen) : null);
}

function keepingPlace(work) {
  const it = held();
  const before = it ? topOf(it) : 0;
  work();
  const now = it && document.getElementById(it.id);
  if (!now || topOf(now) === before) return;
  scrollBy({ top: topOf(now) - before, behavior: "instant" });
  if (Math.abs(topOf(now) - before) > 1) slipped = performance.now();
}

document.addEventListener(
  "click",
  (event) => {
    if (performance.now() - slipped >= MOVED || !event.target.closest("#main form[data-do] button")) return;
    event.preventDefault();
    tell("page:toast", { text: "The list had just moved, so nothing was done. Look at it, then press again." });
  },
  true,
);

// --- Saying it aloud ----------------------------------------------------------------------------------

let saidAt = -TALK;
let saying = null;
let news = { came: 0, left: 0, moved: 0 };

const states = () => new Map([...main.querySelectorAll("tbody > tr[id]")].map((row) => [row.id, find(".status", row)?.textContent.trim()]));
const happened = () => find("#happened > li:last-child > span")?.textContent.trim() ?? "";

/** What is older than the last row was moved up from the next page, or down to it: that is no news. */
function countNews(before, after) {
  const last = [...before.keys()].at(-1) ?? "";
  const came = [...after.keys()].filter((id) => !before.has(id) && id > last).length;
  const gone = [...before.keys()].filter((id) => !after.has(id)).length;
  news.came += came;
  news.left += Math.max(0, gone - came);
  for (const [id, state] of after) if (before.has(id) && before.get(id) !== state) news.moved++;
  if (news.came + news.left + news.moved) saying ??= setTimeout(sayNews, Math.max(0, saidAt + TALK - performance.now()));
}

function sayNews() {
  const { came, left, moved } = news;
  const parts = [came && `${came} new`, moved && `${moved} in another state`, left && `${left} no longer here`];
  tell("page:announce", { text: `Executions: ${parts.filter(Boolean).join(", ")}`, topic: "list" });
  saidAt = performance.now();
  saying = null;
  news = { came: 0, left: 0, moved: 0 };
}

// --- Asking ---------------------------------------------------------------------------------------------

let connected = false;
let wanted = false;
let asking = false;
let over = false; // there is nothing to be asked for any more
let timer = null;
let next = 0; // when it may be asked for again

function want() {
  wanted = true;
  plan();
}

function plan() {
  if (timer || asking || over || document.hidden) return;
  timer = setTimeout(draw, Math.max(SPREAD * Math.random(), next - performance.now()));
}

async function draw() {
  const began = performance.now();
  timer = null;
  wanted = false;
  asking = true;
  try {
    const fresh = await drawn();
    if (fresh) take(fresh);
    shine(connected ? "live" : "reconnecting");
  } catch {
    shine("offline");
  }
  asking = false;
  next = began + Math.min(AT_LAST, Math.max(EVERY, SHARE * (performance.now() - began)));
  if (wanted) plan();
}

async function drawn() {
  const answer = await fetch(location.href, { headers: { "HX-Request": "true" } });
  if (answer.redirected) return void tell("page:signed-out");
  if ([403, 404].includes(answer.status)) {
    over = true;
    return void tell("page:toast", { text: "This is gone, or not yours to see any more.", stays: true });
  }
  if (!answer.ok) throw new Error(`The page answered ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html").body;
}

function take(fresh) {
  const [rows, last] = [states(), happened()];
  keepingPlace(() => {
    renewWithin(main, fresh);
    if (yielding) putBack();
    tell("desk:rows"); // times are told by the clock of whoever reads them
  });
  countNews(rows, states());
  if (happened() !== last) tell("page:announce", { text: happened(), topic: "story" });
}

// --- When ----------------------------------------------------------------------------------------------

const lamp = find("#live-status");
const WORDS = { live: "Live", reconnecting: "Reconnecting", offline: "Offline" };
function shine(state) {
  if (lamp.dataset.state === state) return;
  lamp.dataset.state = state;
  lamp.textContent = WORDS[state];
}

document.addEventListener("page:socket", ({ detail: { open } }) => {
  connected = open;
  if (!open) shine(navigator.onLine ? "reconnecting" : "offline");
  else want(); // something may have happened since it was drawn
});
for (const hint of ["page:resync", "page:halts", "visibilitychange"]) document.addEventListener(hint, want);
addEventListener("online", want);
addEventListener("offline", () => shine("offline"));
setInterval(want, POLL);
// `toggle` does not bubble. A form that is closed again may be drawn as it is by now.
document.addEventListener("toggle", ({ target }) => !target.open && find("[data-note]", target) && want(), true);
