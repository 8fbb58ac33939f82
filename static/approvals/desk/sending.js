// @ts-check
// Decisions on their way: the page went on already, and here they settle. One that did not count comes back with its reason,
// and whoever opens its proposal again finds what they had written.

const DOES = { approve: "approving", reject: "rejecting", return: "returning", escalate: "escalating" };
const DONE = { approve: "Approved", reject: "Rejected", return: "Returned to the agent", escalate: "Escalated" };
const LONGEST = 20_000; // as long as any other answer is waited for
const LATE = 500; // until then nobody has to be told that it takes time

/** @type {Find} */
const find = (selector, within = document) => within.querySelector(selector);
const tell = (type, detail) => document.dispatchEvent(new CustomEvent(type, { detail }));
const proposal = () => find("#proposal");
const rowOf = (id) => document.getElementById(`proposal-${id}`);
const parsed = (html) => new DOMParser().parseFromString(html, "text/html");

const onTheWay = new Map(); // id of a proposal → what is said of it
const cameBack = new Map(); // likewise, of those that did not count
const justCounted = new Set(); // ids of approvals that the bar does not have yet
const toUndo = new Set(); // ids: undone as soon as they have counted

document.addEventListener("desk:send", (event) => {
  event.preventDefault(); // it is taken
  send(event.detail);
});

/** @typedef {{ why?: string, url?: string, isCheck?: boolean, word?: HTMLElement | null }} Answer */

async function send({ form, submitter, typed }) {
  const { id, url } = proposal().dataset;
  const { verb } = form.dataset;
  const row = rowOf(id);
  const one = { id, url, verb, typed, sentence: find(".row-sentence", row).textContent.trim() };
  onTheWay.set(id, one);
  putAway(id);
  cameBack.delete(id);
  mark();
  drawBar();
  tell("desk:sent");
  setTimeout(takesLong, LATE, one);
  const answer = await answerTo(form.getAttribute("hx-post"), new FormData(form, submitter));
  onTheWay.delete(id);
  drawBar();
  if (answer.why) refused(one, answer);
  else counted(one, answer);
}

/**
 * What the server says: why it did not count, else what is to be told of it, if anything.
 * @returns {Promise<Answer>}
 */
async function answerTo(address, form) {
  const headers = { "HX-Request": "true", "HX-Target": "settled", "HX-Current-URL": location.href };
  const body = new URLSearchParams(/** @type {any} */ (form)); // of texts alone
  try {
    const signal = AbortSignal.timeout(LONGEST);
    // Kept alive: it arrives also where the page is left.
    const answer = await fetch(address, { method: "POST", headers, body, keepalive: true, signal });
    if (answer.headers.has("HX-Redirect")) return { why: "Confirm first that it is you.", url: answer.headers.get("HX-Redirect") };
    if (answer.ok) return { isCheck: answer.headers.has("HX-Location"), word: find(".pace", parsed(await answer.text())) };
    if (answer.status === 409 || answer.status === 422) return { why: reasonIn(parsed(await answer.text())) };
    tell("page:refused", { status: answer.status, why: answer.headers.get("X-Refused") });
    return { why: WHY[answer.status] ?? "The server failed. Open it to see where it stands." };
  } catch {
    return { why: "The server did not answer. Open it to see where it stands." };
  }
}

const WHY = {
  401: "You were signed out.",
  403: "It was not taken; nothing was changed.",
  404: "It is gone, or not yours to see.",
  429: "Too many requests. Wait a moment and try again.",
};

/** The refused form says it first; a proposal that went to another team by its heading. */
const reasonIn = (page) => (find(".decision-refusal", page)?.firstChild ?? find("h1", page)).textContent.trim();

// --- It counted ------------------------------------------------------------------------------------

/** @param {any} one @param {Answer} answer */
function counted(one, { isCheck, word }) {
  tell("page:announce", { text: `${DONE[one.verb]}: ${one.sentence}`, topic: `decided ${one.id}` });
  if (one.verb === "approve") justCounted.add(one.id);
  tell("desk:decided", { refused: false }); // which reads anew what can be undone
  if (word) slipIn(word);
  if (isCheck) reveal(one);
}

/** A word about one's pace stands with what is read now. */
function slipIn(word) {
  if (!proposal() || find("#detail .pace")) return;
  find(".proposal-head").after(document.adoptNode(word));
  htmx.process(word);
}

/** Who answered a check is told at once; from what they write nobody is torn away. */
function reveal(one) {
  const line = sayBack(one, "Nothing was carried out.", { what: "This was a check", label: "See how you did" });
  if (!find(".verb-panel[open], #edit[data-dirty]")) find("a", line).click();
}

// --- It did not --------------------------------------------------------------------------------------

/** @param {any} one @param {Answer} answer */
function refused(one, { why, url }) {
  toUndo.delete(one.id);
  const row = rowOf(one.id);
  if (row) unmark(row);
  cameBack.set(one.id, { ...one, why });
  const words = hasWords(one) ? " What you wrote is kept." : "";
  sayBack(one, why + words, { what: `Not ${DONE[one.verb].toLowerCase()}`, url });
  tell("desk:decided", { refused: true });
}

/** @param {any} one @param {string} why @param {{ what: string, url?: string, label?: string }} how */
function sayBack(one, why, { what, url, label }) {
  const form = /** @type {HTMLTemplateElement} */ (find("#came-back-form"));
  const line = /** @type {HTMLElement} */ (document.importNode(form.content, true).firstElementChild);
  line.dataset.of = one.id;
  find("[data-what]", line).textContent = what;
  find("[data-sentence]", line).textContent = one.sentence;
  find("[data-why]", line).textContent = why;
  const way = find("a", line);
  way.href = url ?? one.url;
  if (!url) way.setAttribute("hx-get", one.url);
  if (label) find("[data-label]", way).textContent = label;
  putAway(one.id);
  find("#came-back").append(line);
  htmx.process(line);
  return line;
}

const putAway = (id) => find(`#came-back [data-of="${id}"]`)?.remove();

document.addEventListener("click", ({ target }) => {
  const line = target.closest?.("#came-back > *");
  if (!line || !target.closest("a, button")) return;
  const leaves = target.closest("a:not([hx-get])");
  if (target.closest("button") || leaves) cameBack.delete(line.dataset.of);
  if (target.closest("button")) line.remove();
});

/** Whoever has it before them again goes on where they were. */
function giveBack() {
  const one = cameBack.get(proposal()?.dataset.id);
  putAway(proposal()?.dataset.id);
  if (!one) return;
  cameBack.delete(one.id);
  tell("desk:put-back", { typed: one.typed, why: one.why });
}
const hasWords = ({ typed }) => typed.reasons.some(([, text]) => text.trim());

// --- What can be seen of it ---------------------------------------------------------------------------

function mark() {
  for (const { id, verb } of onTheWay.values()) {
    const row = rowOf(id);
    if (!row || "away" in row.dataset) continue;
    row.dataset.away = verb;
    const says = Object.assign(document.createElement("span"), { className: "row-away", textContent: `${DOES[verb]} …` });
    find(".row-when", row).append(says);
  }
}

function unmark(row) {
  delete row.dataset.away;
  find(".row-away", row)?.remove();
}

/** An approval that takes long stands where those stand that can be undone, and can be undone as they. */
function takesLong(one) {
  one.late = true;
  drawBar();
}

function drawBar() {
  const bar = find("#undo");
  bar.ariaBusy = String(onTheWay.size > 0);
  for (const line of bar.querySelectorAll("[data-sending]")) line.remove();
  for (const { id, verb, sentence, late } of onTheWay.values()) {
    if (verb !== "approve" || !late) continue;
    const form = /** @type {HTMLTemplateElement} */ (find("#sending-form"));
    const line = /** @type {HTMLElement} */ (document.importNode(form.content, true).firstElementChild);
    line.dataset.sending = id;
    find("[data-sentence]", line).textContent = sentence;
    bar.prepend(line);
  }
}

// --- Undoing what has not counted yet --------------------------------------------------------------------

function undoLater(id) {
  toUndo.add(id);
  tell("page:toast", { text: "It will be undone as soon as it has counted." });
}
document.addEventListener("desk:undo", (event) => {
  const approvals = [...onTheWay.values()].filter(({ verb }) => verb === "approve").map(({ id }) => id);
  const last = [...justCounted, ...approvals].at(-1);
  if (!last) return;
  event.preventDefault();
  undoLater(last);
});
document.addEventListener("click", ({ target }) => {
  const line = target.closest?.("[data-sending] button")?.closest("[data-sending]");
  if (line) undoLater(line.dataset.sending);
});

/** What has counted has its form in the bar now, unless it is carried out at once. */
document.addEventListener("desk:undo-read", ({ detail: { isRead } }) => {
  justCounted.clear();
  for (const id of toUndo) {
    if (!isRead && !onTheWay.has(id)) giveUp(id, "Not undone: the server did not answer. Open it to undo it.");
  }
  undoNow();
});

function undoNow() {
  for (const id of toUndo) {
    if (onTheWay.has(id) || justCounted.has(id)) continue;
    const form = /** @type {HTMLFormElement} */ (find(`#undo form[data-undo="${id}"]`));
    if (form && find("#detail:is(.is-waiting, [data-settling], [data-fresh])")) return; // until the page is calm
    if (form && !find(".verb-panel[open]")) {
      toUndo.delete(id);
      return form.requestSubmit();
    }
    giveUp(id, form ? "Not undone, for you are writing. The bar below the list undoes it." : "It can't be undone.");
  }
}
document.addEventListener("desk:calm", undoNow);

function giveUp(id, text) {
  toUndo.delete(id);
  tell("page:toast", { text });
}

document.addEventListener("htmx:afterSwap", ({ detail: { target } }) => {
  if (target.id === "undo") drawBar();
  if (target.id === "detail") giveBack();
});
document.addEventListener("desk:rows", mark);

// On the window: before the desk looks. One that is on its way is not sent twice.
addEventListener(
  "submit",
  (event) => {
    if (!event.target.matches?.("#detail [data-verb]") || !onTheWay.has(proposal()?.dataset.id)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    tell("page:toast", { text: "Your answer to this is on its way." });
  },
  true,
);

// What comes of it would be seen by nobody, and what was written would be gone.
addEventListener("beforeunload", (event) => {
  const unsaid = [...cameBack.values()].some(hasWords);
  if (onTheWay.size || unsaid) event.preventDefault();
});
