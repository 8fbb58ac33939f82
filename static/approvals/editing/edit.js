// @ts-check
// Editing a suggestion. The form works without this file; here it says at once what is wrong with a value,
// puts the focus where one goes on, and lets nobody leave by accident with something typed.

/** @type {Find} */
const find = (selector, within = document) => within.querySelector(selector);
const form = () => find("#edit");
const dirty = () => form()?.hasAttribute("data-dirty") ?? false;

// --- What is wrong with a value, before it is sent: never more than the server would say --------------

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

function wrongNumber(text, { min, max, above, below, step, whole }) {
  if (!text) return "Write a number.";
  if (!NUMBER.test(text)) return text.includes(",") ? "Write it with a point: 1250.50" : "This is no number.";
  const number = Number(text);
  if (whole && !Number.isInteger(number)) return "Write a whole number.";
  if (min !== undefined && number < Number(min)) return `It must be at least ${min}.`;
  if (above !== undefined && number <= Number(above)) return `It must be more than ${above}.`;
  if (max !== undefined && number > Number(max)) return `It must be at most ${max}.`;
  if (below !== undefined && number >= Number(below)) return `It must be less than ${below}.`;
  const steps = number / Number(step ?? 1);
  if (step && Math.abs(steps - Math.round(steps)) > 1e-6) return `It must be a multiple of ${step}.`;
  return "";
}

function wrongText(text, { least, most }) {
  const length = [...text].length; // as the schema counts: characters, not halves of them
  if (least !== undefined && length < Number(least)) return `Write at least ${least} characters.`;
  if (most !== undefined && length > Number(most)) return `It has ${length} characters; at most ${most} are allowed.`;
  return "";
}

function judge(input) {
  if (!input.matches("#edit :is(input, textarea)[name^='v.']")) return;
  const { dataset } = input;
  if ("number" in dataset) input.setCustomValidity(wrongNumber(input.value.trim(), dataset));
  else if ("least" in dataset || "most" in dataset) input.setCustomValidity(wrongText(input.value, dataset));
}

// --- Something was typed: what was checked before is no longer what would be approved ------------------

function changed({ target }) {
  if (!form()?.contains(target) || !target.name) return;
  if (target.matches("[data-turn]")) return find("[data-turn-now]", target.parentElement).click();
  judge(target);
  if (!/^[vz]\.|^json$/.test(target.name)) return;
  form().setAttribute("data-dirty", "");
  /** @type {HTMLButtonElement} */
  const approve = find("[data-approve]");
  if (!approve) return;
  approve.disabled = true;
  approve.textContent = approve.dataset.again ?? "Check it again, then approve";
  find("[data-answer]")?.classList.add("is-stale");
}
document.addEventListener("input", changed);
document.addEventListener("change", changed);

// --- Sending -----------------------------------------------------------------------------------------

// Before the desk's own script looks: only an approval is a decision.
document.addEventListener(
  "submit",
  ({ target, submitter }) => {
    if (target.id !== "edit") return;
    if (submitter?.getAttribute("value") === "approve") target.dataset.verb = "edit";
    else delete target.dataset.verb;
    leaving = true;
  },
  true,
);

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.repeat) return;
  if (!event.target.closest?.("#edit")) return;
  event.preventDefault();
  find(".edit-check").click();
});

document.addEventListener("click", ({ target }) => {
  /** @type {HTMLAnchorElement} */
  const link = target.closest?.(".edit-wrong a");
  const field = link && document.getElementById(link.hash.slice(1));
  if (field) setTimeout(() => field.focus());
});

// --- The form arrives -------------------------------------------------------------------------------

function arrived() {
  leaving = false;
  if (!form()) return;
  for (const input of form().querySelectorAll("[name^='v.']")) judge(input);
  const goOn = find("[data-focus]", form());
  if (!goOn) return;
  goOn.focus({ preventScroll: true });
  goOn.scrollIntoView({ block: "nearest" });
  if (!goOn.matches("h2, section, div[role=alert]")) return;
  for (const part of document.querySelectorAll("#proposal-scroll, #proposal-main")) part.scrollTop = 0;
}
document.addEventListener("htmx:afterSettle", ({ detail }) => detail.target.id === "detail" && arrived());
// What is typed while an answer is on its way would be drawn over: for that moment nothing can be typed.
document.addEventListener("htmx:beforeRequest", ({ detail }) => detail.elt.id === "edit" && form()?.setAttribute("inert", ""));
document.addEventListener("htmx:afterRequest", () => {
  leaving = false;
  form()?.removeAttribute("inert");
});

// --- Leaving ------------------------------------------------------------------------------------------

let leaving = false; // the form itself is on its way
let on = null; // where somebody wanted to go

document.addEventListener(
  "click",
  (event) => {
    /** @type {HTMLAnchorElement} */
    const link = event.target.closest?.("a[href]");
    if (!link || !dirty() || event.ctrlKey || event.metaKey || event.shiftKey || link.hash || link.target) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    on = link;
    /** @type {HTMLDialogElement} */
    const ask = find("#edit-leave");
    ask.returnValue = "";
    ask.showModal();
  },
  true,
);
document.addEventListener(
  "close",
  ({ target }) => {
    if (target.id !== "edit-leave") return;
    if (target.returnValue === "leave" && on) {
      form()?.removeAttribute("data-dirty");
      on.click();
    }
    on = null;
  },
  true,
);
addEventListener("beforeunload", (event) => dirty() && !leaving && event.preventDefault());

arrived();
