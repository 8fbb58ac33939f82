// @ts-check
// Keeps the list true while somebody reads it: rows change in place and never move.
//
// The socket brings rows as HTML, the same for everybody. One that is in the list is exchanged where it
// stands; a new one is appended where nothing moves, or counted in the line above the list. A push may be lost:
// after every gap, and whenever the cheap version says so, the list is read again and compared.

const POLL = 15_000;
const TOGETHER = 50; // rows that come in one breath are one question
const GONE_FOR_GOOD = 1000; // a socket closed "normally" is one the server wanted closed, for now
const TURNED_AWAY = [4401, 4403]; // signed out, or no longer allowed

/** @type {Find} */
const find = (selector, within = document) => within.querySelector(selector);
const tell = (type, detail) => document.dispatchEvent(new CustomEvent(type, { detail }));
const queue = () => find("#queue");
const list = () => find("#rows");
const proposal = () => find("#proposal");
const idOf = (row) => row.id.slice("proposal-".length);
const version = (element) => Number(element.dataset.version);

const unseen = new Map(); // id of a new proposal → its sentence
let lastSeen = queue().dataset.version; // the queue's version as we know it
let told = lastSeen; // the version up to which the socket told us who did what
let connected = false;
let synced = false; // nothing was missed: pushed versions may be believed

// --- Rows ---------------------------------------------------------------------------------------

function parse(html) {
  const template = document.createElement("template");
  // eslint-disable-next-line no-restricted-properties -- what the server drew; in a template nothing runs
  template.innerHTML = html;
  return template.content;
}

function inPlace(old, row) {
  if (version(row) < version(old)) return;
  const focused = old.contains(document.activeElement);
  const changed = version(row) > version(old);
  const [waited, waits] = [old, row].map(({ dataset }) => dataset.status === "pending");
  row.classList.toggle("is-fresh", changed && waited !== waits);
  if (waited !== waits) count(waits ? 1 : -1); // what was decided can come back
  old.replaceWith(row);
  htmx.process(row);
  if (focused) find(".row-link", row).focus({ preventScroll: true });
}

/** A small number is kept right between two readings; a capped one ("1,000+") is left as it is. */
function count(change) {
  const number = find(".list-count strong");
  if (/^\d+$/.test(number.textContent)) number.textContent = String(Math.max(0, Number(number.textContent) + change));
}

const stateOf = (row) => find(".row-state", row)?.textContent.trim() ?? row.dataset.status;
const sentenceOf = (row) => find(".row-sentence", row).textContent.trim();

const PLACES = {
  priority: ({ order, due }) => `${order}|${due}`,
  deadline: ({ due }) => due,
  age: ({ made }) => made,
};
/** Where it stands in the chosen order, as text that sorts. */
const placeOf = (row) => `${PLACES[queue().dataset.order](row.dataset)}|${idOf(row)}`;

const sortsLast = (row) => {
  const last = list().lastElementChild;
  return !last || placeOf(row) > placeOf(last);
};

const filtered = () => "filtered" in queue().dataset;
const doubtful = new Map(); // id → a new row of which only the server knows whether the filters let it in
let asking = null;

/** A new row: in a list that is filtered it is asked about first, several that come together at once. */
function arrive(row) {
  if (!filtered()) {
    admit(row);
    return;
  }
  doubtful.set(idOf(row), row);
  asking ??= setTimeout(admitWhatBelongs, TOGETHER);
}

async function admitWhatBelongs() {
  asking = null;
  const came = [...doubtful.values()];
  const { dataset } = queue();
  const belong = came.length ? await matching(came.map(idOf), dataset.url) : [];
  for (const row of came) {
    if (doubtful.get(idOf(row)) !== row) continue; // it was told of again since, decided perhaps
    doubtful.delete(idOf(row));
    // Another list by now is what the server has just read.
    if (belong.includes(idOf(row)) && queue().dataset === dataset) admit(row);
  }
  settle();
}

/** Which of these the list has as it is filtered; none where no answer comes: the next reading finds them. */
async function matching(ids, url) {
  const query = new URL(url || location.href, location.href).searchParams;
  for (const id of ids) query.append("id", id);
  try {
    const answer = await fetch(`/queue/matching/?${query}`, { headers: { Accept: "application/json" } });
    return answer.ok ? (await answer.json()).ids : [];
  } catch {
    return [];
  }
}

function admit(row) {
  if (!unseen.has(idOf(row))) count(1);
  if (sortsLast(row) && !queue().dataset.more) {
    row.classList.add("is-fresh");
    list().append(row);
    htmx.process(row);
    tell("page:announce", { text: `New: ${sentenceOf(row)}`, topic: "new" });
  } else {
    unseen.set(idOf(row), sentenceOf(row));
  }
}

/** Two open proposals that contradict each other: what one row says of the other, that one says too. */
function pair(row) {
  const against = row.dataset.status === "pending" ? row.dataset.contradicts.split(" ") : [];
  for (const other of list().children) {
    if (other.id === row.id) continue;
    const known = new Set(other.dataset.contradicts.split(" ").filter(Boolean));
    const news = against.includes(idOf(other)) !== known.has(idOf(row));
    if (!news) continue;
    if (known.has(idOf(row))) known.delete(idOf(row));
    else known.add(idOf(row));
    other.dataset.contradicts = [...known].join(" ");
    find(".row-contradicts", other).hidden = !known.size;
    if (proposal()?.dataset.id !== idOf(other)) continue;
    if (writing()) find("[data-changed]").hidden = false;
    else redraw();
  }
}

/** Take a row as the server drew it: into its place, to the end, or to the line of news. */
function receive(row, isNew = arrive) {
  row.removeAttribute("hx-swap-oob");
  const old = document.getElementById(row.id);
  doubtful.delete(idOf(row));
  if (old) inPlace(old, row);
  else if (row.dataset.status === "pending") isNew(row);
  else unseen.delete(idOf(row));
  pair(row);
  follow(idOf(row), version(row), row);
}

function showNews() {
  const button = find("[data-show-new]");
  const newest = [...unseen.values()].at(-1);
  button.hidden = !unseen.size;
  find("[data-new-count]").textContent = `${unseen.size} new`;
  find("[data-new-sentence]").textContent = newest ?? "";
  if (newest) tell("page:announce", { text: `${unseen.size} new, press N to show`, topic: "new" });
}

// --- Who looks at what ---------------------------------------------------------------------------

/** Of the people who look at it, the others: one's own eyes are no news. */
function sayWhoLooks(mark) {
  const people = mark.dataset.looking ? JSON.parse(mark.dataset.looking) : [];
  const names = people.filter(([user]) => String(user) !== queue().dataset.me).map(([, name]) => name);
  mark.hidden = !names.length;
  mark.textContent = names.length > 1 ? `${names[0]} and ${names.length - 1} more look` : `${names[0]} is looking`;
}

function meet(part) {
  const { presence: id, looking } = part.dataset;
  const mark = document.getElementById(`proposal-${id}`)?.querySelector(".row-looking");
  if (mark) {
    mark.dataset.looking = looking;
    sayWhoLooks(mark);
  }
}

function settle() {
  showNews();
  for (const mark of list().querySelectorAll(".row-looking[data-looking]:not([data-looking=''])")) sayWhoLooks(mark);
  tell("desk:rows");
}

// --- The open proposal -------------------------------------------------------------------------------

const editing = () => find("#edit[data-dirty]") !== null;
/** @type {() => NodeListOf<HTMLTextAreaElement>} */
const texts = () => document.querySelectorAll(".verb-panel[open] textarea");
const writing = () => editing() || [...texts()].some((text) => text.value.trim());

/** The open proposal changed elsewhere: draw it again, but never under somebody's words. */
function follow(id, newest, row) {
  const open = proposal();
  if (!open || open.dataset.id !== id || !(newest > version(open)) || find("#detail.is-opening")) return;
  const resolved = row && row.dataset.status !== "pending" && open.dataset.status === "pending";
  if (resolved) {
    shut(find("#decision"));
    if (!deciding) tell("page:toast", { text: sentence(stateOf(row)) });
    tell("page:announce", { text: `${sentence(stateOf(row))}: ${sentenceOf(row)}`, now: true });
    if (editing()) return; // what was typed stays to be read
  } else if (writing()) {
    find("[data-changed]").hidden = false;
    return;
  }
  redraw();
}

/** Nothing of it is pressed any more; only who is writing goes on, until it is drawn again. */
function shut(part, text = find(".verb-panel[open] textarea")) {
  if (part === text) return;
  if (part?.contains(text)) for (const it of part.children) shut(it, text);
  else part?.setAttribute("inert", "");
}

// It may have changed while it was on its way, when another was open or none: its row was told.
document.addEventListener("htmx:afterSwap", ({ detail: { target, requestConfig } }) => {
  if (target.id !== "detail" || requestConfig.elt === document.body) return; // what we asked for is told by its pushes
  const row = document.getElementById(`proposal-${proposal()?.dataset.id}`);
  if (row) follow(idOf(row), version(row), row);
});

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
let deciding = false; // our own decision is under way: its answer draws the detail
document.addEventListener("submit", ({ target }) => (deciding ||= target.matches("[data-verb]")), true);
document.addEventListener("htmx:afterRequest", ({ detail: { requestConfig } }) => {
  // The form itself is gone by now, and its place tells us.
  if (requestConfig.elt.matches("[data-verb]")) deciding = false;
});

// Drawn again for nobody: another one is open by now.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { elt, path } = detail.requestConfig;
  if (detail.target.id === "detail" && elt === document.body && path !== proposal()?.dataset.url) detail.shouldSwap = false;
});

let asked = null;
function redraw() {
  const open = proposal();
  if (deciding || !open?.dataset.url || asked) return;
  // Several changes in a row are drawn once.
  asked = setTimeout(() => {
    asked = null;
    if (proposal()?.dataset.id === open.dataset.id && !deciding) {
      htmx.ajax("GET", open.dataset.url, { target: "#detail", swap: "innerHTML" });
    }
  }, 100);
}

// --- Reading the list again ----------------------------------------------------------------------------

async function drawn() {
  const answer = await fetch(queue().dataset.url || location.href, { headers: { "HX-Request": "true", "HX-Target": "queue" } });
  if (!answer.ok || answer.redirected) throw new Error(`The list answered ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("queue");
}

/** Compare with the server's list and bring ours up to date without moving a row. */
async function compare() {
  const fresh = await drawn();
  lastSeen = fresh.dataset.version || lastSeen;
  const there = new Set();
  const rows = [...fresh.querySelectorAll("#rows > .row")];
  const end = fresh.dataset.more ? (rows.length ? placeOf(rows.at(-1)) : "") : "\uffff"; // what sorts later is on the next page
  for (const row of rows) {
    there.add(row.id);
    // Others were decided, so this one moved up from the next page: it is not new.
    const movedUp = queue().dataset.more && sortsLast(row);
    if (!movedUp) receive(document.adoptNode(row), admit);
  }
  for (const row of list().children) {
    const left = row.dataset.status === "pending" && !there.has(row.id) && placeOf(row) <= end;
    row.classList.toggle("is-gone", left);
    if (left) find(".row-when", row).textContent = filtered() ? "not in this view" : "no longer waiting";
  }
  find(".list-count", queue()).replaceChildren(...find(".list-count", fresh).childNodes);
  if (find(".is-gone [aria-current]", list())) redraw();
  settle();
}

/** Put the server's list in the place of ours: only when asked to, for this moves rows. */
async function showNew() {
  if (unseen.size) await takeList();
}

async function takeList() {
  try {
    const fresh = document.adoptNode(await drawn());
    lastSeen = told = fresh.dataset.version || lastSeen;
    queue().replaceWith(fresh);
    htmx.process(fresh);
    unseen.clear();
    settle();
    (find("#rows [aria-current]") ?? find("#rows .row-link"))?.focus({ preventScroll: true });
  } catch {
    tell("page:toast", { text: "The list can't be read right now." });
  }
}
let menuUsed = "none";
document.addEventListener("click", ({ target }) => (menuUsed = target.closest(".list .menu")?.id || "none"), true);

// Filters, the order and the search bring another list: it is what the server said just now.
document.addEventListener("htmx:afterSwap", ({ detail: { target } }) => {
  if (target.id !== "queue") return;
  lastSeen = told = queue().dataset.version || lastSeen;
  unseen.clear();
  settle();
  // What was pressed stood in a menu that is closed now: the focus goes to its button.
  if (document.activeElement === document.body) document.querySelector(`#${menuUsed} > summary`)?.focus();
  tell("page:announce", { text: find(".list-count").textContent, topic: "list" });
});
// What is decided next goes on in the list as it is filtered then, not as it was when the form was drawn.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.elt.matches("#detail [data-verb]")) detail.path = detail.path.split("?")[0] + location.search;
});
document.addEventListener("desk:show-new", showNew);
document.addEventListener("desk:ran-out", takeList);
document.addEventListener("click", ({ target }) => target.closest("[data-show-new]") && showNew());
document.addEventListener("click", ({ target }) => target.closest("[data-reload]") && redraw());
document.addEventListener("desk:decided", ({ detail }) => (detail.refused || !connected) && quietly(compare));

/** So much changed at once that the list is cheaper; not every desk in the same moment. */
function resync() {
  synced = false;
  setTimeout(quietly, 3000 * Math.random(), compare);
}

// A kill switch was thrown or lifted: what rows and the open proposal say of it changed, their versions did not.
document.addEventListener("page:halts", () => {
  resync();
  if (writing()) find("[data-changed]").hidden = false;
  else redraw();
});

// --- The socket ---------------------------------------------------------------------------------------------

const lamp = find("#live-status");
const WORDS = { live: "Live", reconnecting: "Reconnecting", offline: "Offline" };
const state = () => lamp.dataset.state;
function shine(next) {
  if (state() === next) return;
  lamp.dataset.state = next;
  lamp.textContent = WORDS[next];
  if (next === "live") tell("desk:live");
}

document.addEventListener("htmx:wsBeforeMessage", (event) => {
  event.preventDefault(); // we put the rows in their places ourselves
  for (const part of [...parse(event.detail.message).children]) {
    if (part.matches(".row")) receive(document.adoptNode(part));
    else if (part.id === "detail-version") follow(part.dataset.id, version(part));
    else if (part.dataset.presence) meet(part);
    else if (part.id === "queue-version") {
      if ("synced" in part.dataset) synced = true; // all that was missed came with it
      if (synced) lastSeen = told = part.dataset.version;
    }
    else if (part.id === "resync") resync();
    else if (part.id === "banner") tell("page:banner", { banner: part });
    else if (part.id === "bell-news") tell("page:bell", { news: part });
  }
  settle();
});
document.addEventListener("htmx:wsOpen", () => {
  connected = true;
  shine("live"); // what was missed is told first
});
document.addEventListener("htmx:wsClose", ({ detail }) => {
  connected = synced = false;
  shine(navigator.onLine ? "reconnecting" : "offline");
  const { code } = detail.event;
  if ([1006, 1011, 1012, 1013].includes(code)) return; // comes back by itself
  if (code === 4401) tell("page:signed-out");
  const wait = TURNED_AWAY.includes(code) ? POLL : GONE_FOR_GOOD;
  setTimeout(() => detail.socketWrapper?.reconnect(), wait + 2000 * Math.random());
});
// Whoever comes back says how far they were told.
htmx.createWebSocket = (address) => new WebSocket(`${address}&since=${encodeURIComponent(told)}`, []);
htmx.config.wsReconnectDelay = (tries) => Math.min(10_000, 500 * 2 ** tries) * (0.5 + Math.random() / 2);

// --- Without pushes -----------------------------------------------------------------------------------------

const quietly = (work) => work().then(() => shine(connected ? "live" : "reconnecting"), () => shine("offline"));

async function look() {
  const answer = await fetch("/queue/version/", { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`The version answered ${answer.status}`);
  const { version: now } = await answer.json();
  if (lastSeen !== String(now)) await compare();
  else synced = connected;
}
const poll = () => document.hidden || quietly(look);

setInterval(poll, POLL);
document.addEventListener("visibilitychange", poll);
// A socket that outlived the loss says nothing of it; another is back before, as a rule.
addEventListener("online", () => (connected ? poll() : setTimeout(() => connected || poll(), 5000)));
addEventListener("offline", () => shine("offline"));
settle();
