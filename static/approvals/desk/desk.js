// @ts-check
// The desk's keys, focus and forms. By mouse everything works without this file; here it becomes quick,
// and here one press is kept from deciding two items.

const SETTLE = 400; // nobody reads the next item faster than this
const GLANCE = 250; // nor sees faster than this which one it is

/** @type {Find} */
const find = (selector, within = document) => within.querySelector(selector);
const tell = (type, detail) => document.dispatchEvent(new CustomEvent(type, { detail }));
const detail = () => find("#detail");
const proposal = () => find("#proposal");
const links = () => [...document.querySelectorAll("#rows .row-link")];
const heading = () => find("#detail h1");
const titled = () => `${heading().innerText.trim()} · reviewapp`; // of the choices the one that shows
const onPhone = () => matchMedia("(max-width: 719px)").matches;

let opening = null; // the row asked for and not yet here: until then no verb is taken
let readNext = false; // move the focus to the heading when the next detail arrives
let wentOn = false; // it is the next one of a verb that was sent

// --- Which row is open ---------------------------------------------------------------------

function withFilters(link) {
  const filters = location.search; // a row is drawn once for everybody, so it can't know our filters
  if (!filters || link.search) return;
  link.setAttribute("href", link.getAttribute("href") + filters);
}
// htmx has read a link when it was put into the list, which may be before.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.elt.matches(".row-link")) detail.path = detail.elt.getAttribute("href");
});

function mark(id = opening ?? proposal()?.dataset.id) {
  for (const link of links()) {
    withFilters(link);
    if (link.parentElement.id === `proposal-${id}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function expect(link) {
  opening = link.parentElement.id.slice("proposal-".length);
  mark();
}

function open(link) {
  link.focus({ preventScroll: true }); // before it opens, which may be at once
  link.click();
  link.parentElement.scrollIntoView({ block: "nearest" });
}

const waits = ({ parentElement: { dataset } }) => dataset.status === "pending" && !("away" in dataset);
const here = () => links().findIndex((link) => link.hasAttribute("aria-current"));

function move(step) {
  const ahead = step > 0 ? links().slice(here() + 1) : links().slice(0, Math.max(here(), 0)).reverse();
  const next = ahead.find(waits);
  if (next) open(next);
  else tell("page:announce", { text: step > 0 ? "End of the list" : "Start of the list", now: true });
  return Boolean(next);
}

// --- Verbs ------------------------------------------------------------------------------------

const onItsWay = () => opening !== null || detail().classList.contains("is-waiting");
const busy = () => onItsWay() || "settling" in detail().dataset;
const justCame = () => "fresh" in detail().dataset;
/** @type {() => HTMLFormElement | null} */
const chosenForm = () => {
  /** @type {HTMLFormElement} */
  const right = find(".verb-right"); // of what was carried out already and is checked
  if (right) return right;
  const chosen = find(".suggestion-radio:checked");
  return chosen && find(`.verb-approve[data-rank="${chosen.dataset.rank}"]`);
};
/** @type {() => HTMLDetailsElement | null} */
const openPanel = () => find(".verb-panel[open]");
/** @type {(rank: number | string) => HTMLInputElement | null} */
const radioOf = (rank) => find(`.suggestion-radio[data-rank="${rank}"]`);

let missed = false; // a suggestion was chosen while another item was on its way: the next approval would be of the wrong one

function choose(rank) {
  missed = false;
  const radio = radioOf(rank);
  if (!radio) return;
  radio.checked = true;
  radio.focus({ preventScroll: true });
  radio.closest(".suggestion").scrollIntoView({ block: "nearest" });
}

function approve() {
  if (openPanel()) return;
  if (missed) tell("page:announce", { text: "Nothing was chosen yet. Choose again, or press A once more.", now: true });
  else chosenForm()?.requestSubmit();
  missed = false;
}

const firstField = (it) => find("select", it) ?? find("textarea", it) ?? find(".panel [type=submit]", it) ?? find(".panel button", it);

function panel(verb) {
  /** @type {HTMLDetailsElement} */
  const it = find(`#verb-${verb}`);
  if (!it) return false;
  const sheet = it.closest("[popover]");
  if (sheet && onPhone()) sheet.showPopover();
  it.open = true;
  firstField(it).focus(); // at once: what is typed next belongs there
  return true;
}

function closePanel() {
  const it = openPanel();
  if (!it) return false;
  it.open = false;
  find("summary", it).focus();
  return true;
}

// `toggle` does not bubble; it is caught on its way down.
document.addEventListener(
  "toggle",
  ({ target }) => {
    if (target.matches?.(".verb-panel") && target.open) firstField(target).focus();
  },
  true,
);

/** The form of a verb that takes one press, where it is there and nothing else is under way. */
function send(selector) {
  /** @type {HTMLFormElement} */
  const form = find(selector);
  if (!form || openPanel()) return false;
  form.requestSubmit();
  return true;
}

const claim = () => panel("claim") || send('.beside-claim[data-verb="claim"]');

function edit() {
  const link = find("[data-edit]", chosenForm() ?? document.createElement("i"));
  if (!link || openPanel()) return false;
  link.click();
  return true;
}

/** For deciding several at once: the row that has the focus, else the one that is open. */
function select() {
  const row = document.activeElement.closest?.("#rows .row") ?? find("#rows [aria-current]")?.closest(".row");
  row?.dispatchEvent(new CustomEvent("desk:select", { bubbles: true }));
}

document.addEventListener("click", (event) => {
  const { target } = event;
  const preset = target.closest("[data-presets] button");
  if (preset) {
    const text = find("textarea", preset.closest("form"));
    text.value = text.value ? `${text.value.trimEnd()}\n${preset.textContent}` : preset.textContent;
    text.focus();
  }
  if (target.closest("[data-close]")) closePanel();
  else if (openPanel() && !target.closest(".decision")) keepOrClose();
  if (target.closest("[data-help]")) askHelp();
  if (target.closest("#came-back a")) readNext = true;
  if (target.closest("[data-next]") && move(1)) event.preventDefault();
});

function keepOrClose() {
  // A click beside an empty panel closes it; words somebody typed are never put away.
  if (!find("textarea", openPanel())?.value) openPanel().open = false;
}

// The second click of a double click, whatever has moved under the pointer since the first.
document.addEventListener(
  "click",
  (event) => {
    const verb = event.target.closest(".decision button, .decision summary, .decision [data-edit], .undo-bar button");
    if (verb && event.detail > 1) stop(event);
    const row = event.target.closest(".row-link");
    if (!row) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey) event.stopImmediatePropagation();
    else expect(row);
  },
  true,
);

function stop(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
}

document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    if (!form.matches("[data-verb]")) return;
    const outOfTurn = ["approve", "undo"].includes(form.dataset.verb) && openPanel();
    if (form.dataset.sent || outOfTurn || busy() || (justCame() && !("stays" in form.dataset))) {
      if (!form.dataset.sent && !outOfTurn) refuse("Nothing was sent");
      return stop(event);
    }
    form.dataset.sent = "true";
    setTimeout(() => lock(true)); // after the browser has read the form
    const next = form.matches(GOES_ON) && afterThis();
    if (next && isTaken(form, event.submitter)) {
      stop(event);
      readNext = wentOn = true;
      open(next);
    }
  },
  true,
);

// A decision is sent beside the page (`sending.js`), which goes on at once. Where its answer has to be seen first, it waits.
const GOES_ON =
  ':is(.verb-approve, .panel):is([data-verb="approve"], [data-verb="reject"], [data-verb="return"], [data-verb="escalate"]):not(:has(.step-up))';

/** Where one goes on: the next of the list that waits for this person. At its end only the server knows. */
const afterThis = () => (here() < 0 ? undefined : links().slice(here() + 1).find((link) => waits(link) && !("answered" in link.parentElement.dataset)));

const isTaken = (form, submitter) =>
  !document.dispatchEvent(new CustomEvent("desk:send", { cancelable: true, detail: { form, submitter, typed: remember() } }));

// --- Keys pressed ahead of their item ---------------------------------------------------------
//
// What only looks, or opens a form, waits for the item it was meant for. What decides is refused aloud: nobody
// approves what they have not seen. Words typed after a key that opens a form wait for that form.

const WAITING_KEYS = 8;
const SENDS = /^[atu1-9]$/;
const OPENS = /^[rfsgm]$/;
let ahead = []; // keys, in the order they were pressed
let words = ""; // for the form that the last of them opens
const toast = (text) => tell("page:toast", { text });
const refuse = (what) => toast(`${what}: the item ${busy() ? "was still on its way" : "had only just come"}. Look at it, then do it again.`);

/** Is this key to wait, or to be refused, since its item is not there yet? */
function tooEarly(key) {
  const moves = key === "j" || key === "k";
  const verb = moves || key === "c" || key === "e" || SENDS.test(key) || OPENS.test(key);
  if (SENDS.test(key) && justCame()) return true;
  if (!verb || !(busy() || ahead.length)) return false;
  // Going on while an item loads needs nothing of that item; while an answer is awaited, it does.
  return !moves || ahead.length > 0 || (onItsWay() && opening === null);
}

function keep(key) {
  if (SENDS.test(key)) {
    missed ||= key > "0" && key <= "9";
    return refuse(key === "a" ? "Nothing was approved" : `${key.toUpperCase()} was not taken`);
  }
  if (ahead.length === WAITING_KEYS) return refuse(`${key.toUpperCase()} was not taken`);
  ahead.push(key);
  toast(`${ahead.join(", ").toUpperCase()} will be done as soon as the item is here.`);
}

/** After a key that opens a form every letter is one of its words. */
function type(key) {
  if (!OPENS.test(ahead.at(-1) ?? "")) return false;
  if (key === "Backspace") words = words.slice(0, -1);
  else if (key.length === 1) words += key;
  else return key === "Enter";
  return true;
}

function catchUp() {
  if (!ahead.length || busy()) return;
  const key = ahead.shift();
  if (KEYS[key]() === false && key !== "j" && key !== "k") toast(`${key.toUpperCase()} is not possible here.`);
  if (!ahead.length && words) hand();
  catchUp();
}

/** What was typed early, into its form; where there is none, it is at least shown. */
function hand() {
  const text = openPanel() && find("textarea", openPanel());
  if (text) text.value += words;
  else toast(`There is no form for what you typed: “${words}”`);
  words = "";
}

/** The item did not come, or another was asked for with the mouse. */
function forget(why) {
  if (!ahead.length) return;
  const typed = words && ` You had typed: “${words}”`;
  toast(`${ahead.join(", ").toUpperCase()} was not done: ${why}.${typed}`);
  ahead = [];
  words = "";
}
document.addEventListener("pointerdown", () => forget("you went on with the mouse"), true);

function lock(on) {
  for (const form of document.querySelectorAll("[data-verb]")) {
    if (!on) delete form.dataset.sent;
    for (const button of form.querySelectorAll("button")) button.disabled = on;
  }
}
addEventListener("pageshow", ({ persisted }) => persisted && lock(false));

/** For a moment no verb is taken, and the page says so. */
function settle() {
  detail().dataset.settling = "";
  setTimeout(() => {
    delete detail().dataset.settling;
    lock(false);
    calm();
  }, SETTLE);
}

/** Something is over: what waits for a calm page looks whether it is calm now. */
function calm() {
  catchUp();
  tell("desk:calm");
}

/** For a moment nothing is decided: what is pressed now was meant for what was there before. */
function glance() {
  detail().dataset.fresh = "";
  clearTimeout(glancing);
  glancing = setTimeout(() => {
    delete detail().dataset.fresh;
    tell("desk:calm");
  }, GLANCE);
}
let glancing = null;

// --- The detail arrives ---------------------------------------------------------------------------

const SCROLLERS = ["#proposal-scroll", "#proposal-main", ".why"]; // which one scrolls depends on the width
let before = null; // what to put back when the same item is drawn again

/** @param {"textarea" | "select"} kind */
const valuesOf = (kind) =>
  [...document.querySelectorAll(`:is(.decision, .unsent) ${kind}`)].map((/** @type {HTMLTextAreaElement | HTMLSelectElement} */ it) => [
    it.id,
    it.value,
    it.labels[0]?.textContent.trim(),
  ]);

function remember() {
  const it = proposal();
  if (!it) return null;
  const form = openPanel();
  /** @type {NodeListOf<HTMLDetailsElement>} */
  const folds = it.querySelectorAll("details[id]");
  return {
    id: it.dataset.id,
    tops: SCROLLERS.map((it) => find(it)?.scrollTop ?? 0),
    rank: find(".suggestion-radio:checked")?.dataset.rank,
    folds: [...folds].map((fold) => [fold.id, fold.open]),
    reasons: valuesOf("textarea"),
    choices: valuesOf("select"),
    panel: form?.id,
    focus: it.contains(document.activeElement) ? document.activeElement.id : null,
  };
}

/** What was sent is not put back, and its panel closes; words in other panels stay. */
function withoutPanel(old) {
  const sent = old.panel && `${old.panel.slice("verb-".length)}-`;
  const isKept = ([id]) => !sent || !id.startsWith(sent);
  return {
    ...old,
    folds: old.folds.map(([id, isOpen]) => [id, isOpen && id !== old.panel]),
    reasons: old.reasons.filter(isKept),
    choices: old.choices.filter(isKept),
  };
}

function putBack(old, why = "") {
  const radio = radioOf(old.rank);
  if (radio) radio.checked = true;
  for (const [id, isOpen] of old.folds) {
    const fold = /** @type {HTMLDetailsElement} */ (document.getElementById(id));
    if (fold) fold.open = isOpen;
  }
  for (const [id, value] of [...old.reasons, ...old.choices]) {
    const field = /** @type {HTMLTextAreaElement | HTMLSelectElement} */ (document.getElementById(id));
    if (field) field.value = value;
  }
  keepUnsent(old.reasons.filter(([id, text]) => text.trim() && !document.getElementById(id)), why);
  SCROLLERS.forEach((it, index) => find(it) && (find(it).scrollTop = old.tops[index] ?? 0));
  if (old.focus) (document.getElementById(old.focus) ?? heading()).focus({ preventScroll: true });
}

/** Words whose form is gone stand in its place, with why they were not sent; where all have a form, that alone is said. */
function keepUnsent(words, why) {
  if (!words.length && !why) return;
  const form = /** @type {HTMLTemplateElement} */ (find(words.length ? "#unsent-form" : "#refusal-form"));
  const said = /** @type {HTMLElement} */ (document.importNode(form.content, true).firstElementChild);
  find("[data-why]", said).textContent = why || whyNot();
  const field = find(".field", said);
  field?.replaceWith(...words.map((one) => filled(field, one)));
  (find("#decision") ?? proposal()).prepend(said);
}

/** It has the id of the field that is gone: drawn again, it is put back like any other, into a form that came back too. */
function filled(field, [id, text, label]) {
  const it = field.cloneNode(true);
  Object.assign(find("label", it), { htmlFor: id, textContent: label });
  Object.assign(find("textarea", it), { id, value: text });
  return it;
}

const SAID_IN = ["p.decision-why", "#check", "#resolution", ".verbs-why", "#detail h1"]; // what comes first is nearest to the words
/** As the page says itself: how it ended, or why this person decides nothing more, or where it went. */
const whyNot = () => find(SAID_IN.find((it) => find(it))).innerText.replace(/\s+/g, " ").trim();

document.addEventListener("change", ({ target }) => {
  if (target.matches("#detail .suggestion-radio")) document.title = titled();
});
document.addEventListener("htmx:beforeRequest", ({ detail: { target } }) => {
  if (target?.id !== "detail") return;
  detail().classList.add("is-waiting");
  detail().classList.toggle("is-opening", opening !== null && opening !== proposal()?.dataset.id);
});
document.addEventListener("htmx:afterRequest", ({ detail: { target, successful, xhr } }) => {
  if (target?.id !== "detail") return;
  detail().classList.remove("is-waiting", "is-opening");
  if (successful) setTimeout(calm);
  if (successful || xhr.status === 0) return;
  stay("the server refused");
});
for (const failed of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(failed, () => stay("the server did not answer"));
}

/** What was asked for did not come: the one that is open stays, and can be answered. */
function stay(why) {
  opening = null;
  readNext = wentOn = false;
  mark();
  lock(false);
  setTimeout(() => {
    forget(why);
    calm();
  });
}

document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
  if (target.id === "detail") before = remember();
});
document.addEventListener("htmx:afterSwap", ({ detail: { target, requestConfig, xhr } }) => {
  if (target.id !== "detail") return;
  const form = requestConfig.elt.closest("[data-verb]");
  const stays = form && "stays" in form.dataset; // decides nothing: the same item, as it is now
  const decided = form && !stays;
  const again = before && before.id === proposal()?.dataset.id;
  opening = null;
  detail().classList.remove("is-waiting", "is-opening");
  mark();
  document.title = find("#detail [data-title]")?.dataset.title ?? titled();
  if (again && !decided) putBack(stays && xhr.status < 400 ? withoutPanel(before) : before);
  if (!again) glance();
  if (form || wentOn) settle();
  if (wentOn) lock(true);
  if (stays) {
    (find(`#${form.dataset.verb}`) ?? find(`#verb-${form.dataset.verb} > summary`) ?? heading()).focus({ preventScroll: true });
    if (xhr.status >= 400) tell("desk:decided", { refused: true });
  }
  if (decided) {
    lock(true);
    tell("desk:decided", { refused: xhr.status >= 400 });
  }
  const corrected = decided && again && find(".verb-panel[open] textarea");
  if (corrected) corrected.focus();
  else if (stays) readNext = false;
  else if (decided || readNext || (!again && onPhone())) heading().focus({ preventScroll: true });
  readNext = wentOn = false;
  if (decided && here() < 0 && !links().some(waits)) tell("desk:ran-out");
});
// What was refused after the page went on comes back to whoever opens it again.
document.addEventListener("desk:put-back", ({ detail: { typed, why } }) => putBack({ ...typed, tops: [], focus: null }, why));

// --- Help ---------------------------------------------------------------------------------------------

/** @type {() => HTMLDialogElement} */
const help = () => find("#help");
/** @type {() => HTMLInputElement | null} */
const toggle = () => find("#keys-on"); // the server keeps it for this person; here it holds at once
const singleKeys = () => toggle()?.checked ?? "singleKeys" in help().dataset;

/** It comes when somebody first wants it, and stays. */
function askHelp() {
  if (toggle()) help().showModal();
  else htmx.trigger(help(), "desk:help");
}
document.addEventListener("htmx:afterSwap", ({ detail: { target } }) => target === help() && help().showModal());

// --- Keys ---------------------------------------------------------------------------------------------

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  a: approve,
  r: () => panel(find("#verb-wrong") ? "wrong" : "reject"),
  f: () => panel("return"),
  e: edit,
  s: () => panel("escalate"),
  c: claim,
  g: () => panel("assign"),
  m: () => panel("comment"),
  t: () => send('[data-verb="take-back"]'),
  u: () => send("form.undo-one, .decision-after [data-verb=undo]"),
  b: () => find("#came-back a")?.click(),
  x: select,
  n: () => tell("desk:show-new"),
  "/": () => find("#q").focus(),
  "?": askHelp,
};
for (let rank = 1; rank <= 9; rank++) KEYS[rank] = () => choose(rank);

const typing = (target) =>
  target.closest?.("textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])");

function escape() {
  if (closePanel()) return;
  forget("you pressed Escape");
  const row = find("#rows [aria-current]");
  const at = document.activeElement;
  if (at instanceof HTMLElement && typing(at)) at.blur();
  else if (row && !onPhone()) row.focus();
}

document.addEventListener("keydown", (event) => {
  if (find("dialog[open]")) return;
  if (event.key === "Escape") return escape();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.repeat) {
    /** @type {HTMLFormElement} */
    const form = event.target.closest(".panel");
    if (!form) return;
    stop(event);
    form.requestSubmit();
    return;
  }
  if (event.key === "Enter" && event.target.closest?.(".row-link")) readNext = true;
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || !singleKeys()) return;
  if (type(event.key)) return event.preventDefault();
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const act = KEYS[key];
  if (!act) return;
  event.preventDefault();
  if (event.repeat && key !== "j" && key !== "k") return;
  if (key === "u" && !openPanel() && !document.dispatchEvent(new CustomEvent("desk:undo", { cancelable: true }))) return;
  if (tooEarly(key)) keep(key);
  else act();
});

// Held down, Enter or Space on a button would press it again and again.
document.addEventListener(
  "keydown",
  (event) => {
    if (event.repeat && event.target.closest?.(".decision, .undo-bar") && !typing(event.target)) stop(event);
  },
  true,
);

document.addEventListener("desk:rows", () => mark());
/** What is of no use without this file comes out now. */
function unhide(within) {
  for (const it of within.querySelectorAll?.("[data-presets], .decision [data-help]") ?? []) it.hidden = false;
}
unhide(document);
document.addEventListener("htmx:load", ({ detail: { elt } }) => unhide(elt));
mark();
