import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { open } from "../../page.js";

const SETTLE = 400;
const GLANCE = 250;

const row = (id, status = "pending") =>
  `<li class="row" id="proposal-${id}" data-status="${status}"><a class="row-link" href="/queue/${id}/">${id}</a></li>`;
const panel = (verb, field = `<label for="${verb}-reason">Why ${verb}?</label><textarea id="${verb}-reason"></textarea>`) =>
  `<details class="verb-panel" id="verb-${verb}"><summary>${verb}</summary><form class="panel" data-verb="${verb}"${verb === "comment" ? " data-stays" : ""}>
   <p data-presets hidden><button type="button">Not our customer</button></p>${field}<button type="submit">Send</button>
   <button type="button" data-close>Close</button></form></details>`;
const suggestion = (rank) =>
  `<div class="suggestion"><input class="suggestion-radio" id="s${rank}" type="radio" name="s" data-rank="${rank}"${rank === 1 ? " checked" : ""}></div>`;
const approve = (rank) =>
  `<form class="verb-approve" data-verb="approve" data-rank="${rank}"><button>Approve ${rank}</button><a data-edit href="/queue/edit/${rank}/">Edit</a></form>`;
const PANELS = ["reject", "return", "escalate", "comment"].map((verb) => panel(verb)).join("") + panel("assign", "<select id='to'></select>");
const CLAIM = '<form class="beside-claim" data-verb="claim" data-stays><button id="claim">Claim</button></form>';

const proposal = (id, { verbs = approve(1) + approve(2) + PANELS + CLAIM, more = "" } = {}) =>
  `<article id="proposal" data-id="${id}"><h1 tabindex="-1">Refund ${id}</h1><div id="proposal-scroll"></div>
   ${suggestion(1)}${suggestion(2)}<details id="fold-raw"><summary>Raw</summary></details><a data-next href="/queue/">Next</a>
   <div class="decision" id="decision">${verbs}<button data-help hidden>Keys</button></div>${more}</article>`;
const REST = `<div id="undo" class="undo-bar"><form class="undo-one" data-verb="undo"><button>Undo</button></form></div><input id="q" type="search">
  <dialog id="help" data-single-keys></dialog><p id="elsewhere"></p>
  <template id="refusal-form"><p class="decision-refusal"><span data-why></span></p></template>
  <template id="unsent-form"><section class="unsent"><p data-why></p><div class="field"><label></label><textarea readonly></textarea></div></section></template>`;

function desk(t, { rows = row("a") + row("b") + row("c"), detail = proposal("a"), rest = REST, helps = bringsHelp, ...more } = {}) {
  const html = `<body><ol id="rows">${rows}</ol><section id="detail">${detail}</section>${rest}</body>`;
  const page = open(t, html, "approvals/desk/desk.js", more);
  page.find("#help")?.addEventListener("desk:help", () => helps(page));
  return page;
}
function bringsHelp(page) {
  const target = page.find("#help");
  target.replaceChildren(page.fragment('<input id="keys-on" type="checkbox" checked>'));
  page.tell("htmx:afterSwap", { target });
  return target;
}

// What htmx does: it says that it asks, then it draws what came, or that nothing did.
const asks = (page) => page.tell("htmx:beforeRequest", { target: page.find("#detail") });
function draws(page, html, { by = page.find("#rows a"), status = 200 } = {}) {
  const target = page.find("#detail");
  const detail = { target, requestConfig: { elt: by }, xhr: { status }, successful: status < 400 };
  page.tell("htmx:beforeSwap", detail);
  target.replaceChildren(page.fragment(html));
  page.tell("htmx:afterSwap", detail);
  page.tell("htmx:afterRequest", detail);
  page.fire(target, "htmx:load", { detail: { elt: target } });
}
const loses = (page) => {
  page.tell("htmx:afterRequest", { target: page.find("#detail"), successful: false, xhr: { status: 0 } });
  page.tell("htmx:sendError");
};
const fails = (page) => {
  page.tell("htmx:afterRequest", { target: page.find("#detail"), successful: false, xhr: { status: 500 } });
};

/** A form of the open item, by what it is about. */
const formOf = (page, verb, rank) => page.find(`[data-verb="${verb}"]${rank ? `[data-rank="${rank}"]` : ""}`);
const sent = (page) => page.sent.map((it) => it.dataset.verb + (it.dataset.rank ?? "")).join(" ");
const current = (page) => page.all("[aria-current]").map((it) => it.textContent).join(" ");
const opened = (page) => page.find(".verb-panel[open]")?.id;
const keys = (page, ...pressed) => {
  for (const key of pressed) page.press(key);
};

describe("Going through the list by key", () => {
  test("opens the next that waits, and the one before", (t) => {
    const page = desk(t, { rows: row("a") + row("b", "decided") + row("c") });

    keys(page, "j");
    assert.deepEqual(page.followed, ["/queue/c/"]);
    assert.equal(current(page), "c");
    assert.equal(page.focused, page.find("#proposal-c a"));
    keys(page, "k");

    assert.deepEqual(page.followed, ["/queue/c/", "/queue/a/"]);
    assert.equal(current(page), "a");
  });

  test("goes on before the last one has come", (t) => {
    const page = desk(t);

    keys(page, "j");
    asks(page);
    keys(page, "j");

    assert.equal(current(page), "c");
  });

  test("says where the list ends", (t) => {
    const page = desk(t, { rows: row("a") });

    keys(page, "j", "k");

    assert.deepEqual(page.announced, ["End of the list", "Start of the list"]);
    assert.deepEqual(page.followed, []);
  });

  test("begins with the first where none is open", (t) => {
    const page = desk(t, { detail: "" });

    keys(page, "j");

    assert.equal(current(page), "a");
  });

  test("goes on while the key is held down, and nothing else does", (t) => {
    const page = desk(t);

    page.press("j", { repeat: true });
    page.press("j", { repeat: true });
    assert.equal(current(page), "c");
    draws(page, proposal("c"));
    page.press("a", { repeat: true });
    page.press("r", { repeat: true });

    assert.equal(sent(page), "");
    assert.equal(opened(page), undefined);
  });

  test("keeps the filters of the page, once", (t) => {
    const page = desk(t, { url: "https://desk.example/queue/?risk=high" });

    page.tell("desk:rows");
    keys(page, "j");

    assert.deepEqual(page.followed, ["/queue/b/?risk=high"]);
  });

  test("keeps them also where htmx has read the link before", (t) => {
    const page = desk(t, { url: "https://desk.example/queue/?risk=high" });
    const [link, other] = [page.find("#proposal-b a"), page.find("#q")];
    const asked = { path: "/queue/b/" };
    const search = { path: "/queue/" };

    page.fire(link, "htmx:configRequest", { detail: Object.assign(asked, { elt: link }) });
    page.fire(other, "htmx:configRequest", { detail: Object.assign(search, { elt: other }) });

    assert.deepEqual([asked.path, search.path], ["/queue/b/?risk=high", "/queue/"]);
  });

  test("marks a row that is drawn again", (t) => {
    const page = desk(t);

    page.find("#proposal-a").replaceWith(page.fragment(row("a")));
    page.tell("desk:rows");

    assert.equal(current(page), "a");
  });
});

describe("A key", () => {
  for (const [key, selector] of [
    ["r", "#reject-reason"],
    ["f", "#return-reason"],
    ["s", "#escalate-reason"],
    ["m", "#comment-reason"],
    ["g", "#to"],
    ["/", "#q"],
    ["R", "#reject-reason"],
  ]) {
    test(`${key} leads to ${selector}`, (t) => {
      const page = desk(t);

      const goes = page.press(key);

      assert.equal(page.focused, page.find(selector));
      assert.equal(goes, false); // the letter is not typed into it
    });
  }

  test("r says what was wrong, where something was carried out already", (t) => {
    const page = desk(t, { detail: proposal("a", { verbs: panel("wrong") + panel("reject") }) });

    keys(page, "r");

    assert.equal(opened(page), "verb-wrong");
  });

  test("a approves the suggestion that is chosen", (t) => {
    const page = desk(t);

    keys(page, "2");
    assert.equal(page.find("#s2").checked, true);
    assert.equal(page.focused, page.find("#s2"));
    keys(page, "a");

    assert.equal(sent(page), "approve2");
  });

  test("a says that all was right, where something was carried out already", (t) => {
    const page = desk(t, { detail: proposal("a", { verbs: `${approve(1)}<form class="verb-right" data-verb="right"></form>` }) });

    keys(page, "a");

    assert.equal(sent(page), "right");
  });

  test("of a suggestion that is not there chooses none", (t) => {
    const page = desk(t);

    keys(page, "7");

    assert.equal(page.find("#s1").checked, true);
  });

  test("c claims, at once or by a form", (t) => {
    const page = desk(t);
    keys(page, "c");
    assert.equal(sent(page), "claim");

    const other = desk(t, { detail: proposal("a", { verbs: panel("claim") }) });
    keys(other, "c");
    assert.equal(opened(other), "verb-claim");
  });

  test("t takes back what one said", (t) => {
    const page = desk(t, { detail: proposal("a", { verbs: '<form data-verb="take-back"></form>' }) });

    keys(page, "t");

    assert.equal(sent(page), "take-back");
  });

  test("u undoes first what is still on its way, even while the next one has only just come", (t) => {
    const page = desk(t);
    page.document.addEventListener("desk:undo", (event) => event.preventDefault());
    keys(page, "j");
    draws(page, proposal("b"));

    keys(page, "u");

    assert.equal(sent(page), "");
    assert.deepEqual(page.toasts, []);
  });

  test("b goes back to what did not count", (t) => {
    const page = desk(t, { rest: `${REST}<div id="came-back"><a href="/queue/x/">Open it again</a></div>` });

    keys(page, "b");

    assert.deepEqual(page.followed, ["/queue/x/"]);
  });

  test("u undoes the last approval", (t) => {
    const page = desk(t);

    keys(page, "u");

    assert.equal(sent(page), "undo");
  });

  test("e edits the suggestion that is chosen", (t) => {
    const page = desk(t);

    keys(page, "2", "e");

    assert.deepEqual(page.followed, ["/queue/edit/2/"]);
  });

  test("x selects the row with the focus, else the open one", (t) => {
    const page = desk(t);
    const asked = [];
    page.document.addEventListener("desk:select", ({ target }) => asked.push(target.id));

    keys(page, "x");
    page.find("#proposal-c a").focus();
    keys(page, "x");

    assert.deepEqual(asked, ["proposal-a", "proposal-c"]);
  });

  test("n asks for what is new, and ? for help", (t) => {
    const page = desk(t);

    keys(page, "n", "?");

    assert.deepEqual(page.events, ["desk:show-new"]);
    assert.equal(page.find("#help").open, true);
  });

  test("? asks for help until it came, and keeps it", (t) => {
    const page = desk(t, { helps: () => {} });
    const help = page.find("#help");
    let asked = 0;
    help.addEventListener("desk:help", () => asked++);

    keys(page, "?", "?");
    assert.deepEqual([asked, help.open], [2, false]); // nothing came
    bringsHelp(page);
    assert.equal(help.open, true);
    help.close();
    keys(page, "?");

    assert.deepEqual([asked, help.open], [2, true]);
  });

  test("does nothing while help is open", (t) => {
    const page = desk(t);

    keys(page, "?", "a", "j");

    assert.equal(sent(page), "");
    assert.deepEqual(page.followed, []);
  });

  for (const how of ["ctrlKey", "metaKey", "altKey"]) {
    test(`with ${how} is the browser's`, (t) => {
      const page = desk(t);

      assert.equal(page.press("a", { [how]: true }), true);
      assert.equal(sent(page), "");
    });
  }

  test("in a field is a letter", (t) => {
    const page = desk(t);
    keys(page, "r");

    assert.equal(page.press("a"), true);
    page.find("#q").focus();
    keys(page, "j");

    assert.equal(sent(page), "");
    assert.deepEqual(page.followed, []);
  });

  test("on a radio or a box counts all the same", (t) => {
    const page = desk(t);
    page.find("#s2").focus();

    keys(page, "j");

    assert.equal(current(page), "b");
  });

  test("that is nobody's is the browser's", (t) => {
    assert.equal(desk(t).press("z"), true);
  });
});

describe("Single keys that are turned off", () => {
  test("do nothing, and hold at once", (t) => {
    const page = desk(t);

    bringsHelp(page).close();
    page.find("#keys-on").checked = false;
    keys(page, "a", "j", "r", "?");
    assert.equal(sent(page), "");
    assert.deepEqual(page.followed, []);
    assert.equal(opened(page), undefined);
    page.find("#keys-on").checked = true;
    keys(page, "a");

    assert.equal(sent(page), "approve1");
  });

  test("leave Escape and Ctrl+Enter as they are", (t) => {
    const page = desk(t, { rest: REST.replace(" data-single-keys", "") });

    keys(page, "f");
    assert.equal(opened(page), undefined);
    page.fold("#verb-reject");
    page.press("Enter", { ctrlKey: true });
    assert.equal(sent(page), "reject");
    keys(page, "Escape");

    assert.equal(opened(page), undefined);
  });
});

describe("A form of a verb", () => {
  test("has the focus when it is opened by mouse", (t) => {
    const page = desk(t);

    page.fold("#verb-return");

    assert.equal(page.focused, page.find("#return-reason"));
  });

  test("is put away with Escape or its button, and the focus stays at its name", (t) => {
    const page = desk(t);

    keys(page, "r", "Escape");
    assert.equal(opened(page), undefined);
    assert.equal(page.focused, page.find("#verb-reject summary"));
    keys(page, "r");
    page.click("#verb-reject [data-close]");

    assert.equal(opened(page), undefined);
  });

  test("is put away by a click beside it, but never with words in it", (t) => {
    const page = desk(t);

    keys(page, "r");
    page.click(".decision");
    assert.equal(opened(page), "verb-reject");
    page.click("#elsewhere");
    assert.equal(opened(page), undefined);
    page.focused.blur(); // as browsers do with what is hidden
    keys(page, "r");
    page.find("#reject-reason").value = "Not our";
    page.click("#elsewhere");

    assert.equal(opened(page), "verb-reject");
  });

  test("that is open keeps an approval and an undo from being sent", (t) => {
    const page = desk(t);

    keys(page, "r");
    page.find("#elsewhere").tabIndex = 0;
    page.find("#elsewhere").focus();
    keys(page, "a", "u", "c", "e");
    formOf(page, "approve", 1).requestSubmit();
    formOf(page, "undo").requestSubmit();

    assert.equal(sent(page), "");
    assert.deepEqual(page.followed, []);
    assert.deepEqual(page.toasts, []);
  });

  test("is sent with Enter and Ctrl, once however long it is held", (t) => {
    const page = desk(t);

    keys(page, "r");
    page.press("Enter", { ctrlKey: true, repeat: true });
    assert.equal(sent(page), "");
    page.press("Enter", { metaKey: true });

    assert.equal(sent(page), "reject");
  });

  test("has a reason begun by a preset", (t) => {
    const page = desk(t);
    const preset = page.find("#verb-reject [data-presets] button");
    assert.equal(preset.parentElement.hidden, false);

    page.click(preset);
    page.click(preset);

    assert.equal(page.find("#reject-reason").value, "Not our customer\nNot our customer");
    assert.equal(page.focused, page.find("#reject-reason"));
  });

  test("on a phone comes with the sheet that it is in", (t) => {
    const sheet = `<div popover id="sheet">${panel("escalate")}</div>`;
    const page = desk(t, { detail: proposal("a", { verbs: sheet }) });

    keys(page, "s", "Escape");
    assert.equal("popped" in page.find("#sheet").dataset, false);
    page.phone = true;
    keys(page, "s");

    assert.equal("popped" in page.find("#sheet").dataset, true);
  });
});

describe("Escape", () => {
  test("leaves a field, and then goes to the row that is open", (t) => {
    const page = desk(t);
    page.find("#q").focus();

    keys(page, "Escape");
    assert.equal(page.focused, page.document.body);
    keys(page, "Escape");

    assert.equal(page.focused, page.find("#proposal-a a"));
  });

  test("goes to no row on a phone, where the item takes the screen", (t) => {
    const page = desk(t);
    page.phone = true;

    keys(page, "Escape");

    assert.equal(page.focused, page.document.body);
  });
});

describe("One press decides one item", () => {
  const decide = (page, status) => {
    const by = formOf(page, "approve", 1);
    by.requestSubmit();
    asks(page);
    draws(page, proposal("b"), { by, status });
  };

  test("however often it is pressed", async (t) => {
    const page = desk(t);

    keys(page, "a", "a");
    page.click(formOf(page, "approve", 1).querySelector("button"));

    assert.equal(sent(page), "approve1");
    assert.equal(formOf(page, "approve", 1).querySelector("button").disabled, false); // the browser has yet to read it
    await page.pass(0);
    assert.ok(page.all("[data-verb] button").every((it) => it.disabled));
  });

  test("for the next one is not taken before anybody could have read it", async (t) => {
    const page = desk(t);
    decide(page);
    assert.equal(page.find("#detail").dataset.settling, "");
    assert.ok(page.all("#decision [data-verb] button").every((it) => it.disabled));

    await page.pass(SETTLE - 1);
    keys(page, "a");
    assert.equal(sent(page), "approve1");
    assert.deepEqual(page.toasts, ["Nothing was approved: the item was still on its way. Look at it, then do it again."]);
    await page.pass(1);
    keys(page, "a");

    assert.equal(sent(page), "approve1 approve1");
    assert.equal(page.sent[1], formOf(page, "approve", 1));
  });

  test("which is told to whoever waits for a calm page, as is all else that passes", async (t) => {
    const page = desk(t);
    const states = [];
    page.document.addEventListener("desk:calm", () => {
      const { className, dataset } = page.find("#detail");
      states.push([className, ...Object.keys(dataset)].join(" ").trim());
    });

    decide(page);
    await page.pass(SETTLE);
    assert.deepEqual(states, ["fresh settling", "settling", ""]);
    states.length = 0;
    asks(page);
    draws(page, proposal("b"));
    await page.pass(0);
    asks(page);
    fails(page);
    await page.pass(0);
    asks(page);
    loses(page);
    await page.pass(0);

    assert.equal(states.length, 3);
    assert.equal(states.at(-1), "");
  });

  test("also by mouse", async (t) => {
    const page = desk(t);
    decide(page);

    formOf(page, "approve", 1).requestSubmit();
    assert.deepEqual(page.toasts, ["Nothing was sent: the item was still on its way. Look at it, then do it again."]);
    await page.pass(SETTLE);
    formOf(page, "approve", 1).requestSubmit();

    assert.equal(sent(page), "approve1 approve1");
  });

  test("and the list is told of it", (t) => {
    const page = desk(t);
    const told = [];
    page.document.addEventListener("desk:decided", ({ detail }) => told.push(detail.refused));

    decide(page);
    assert.equal(current(page), "b");
    assert.equal(page.document.title, "Refund b · reviewapp");
    assert.equal(page.focused, page.find("h1"));
    const by = formOf(page, "approve", 1);
    draws(page, proposal("b"), { by, status: 409 });

    assert.deepEqual(told, [false, true]);
  });

  test("and the second click of a double click is none", (t) => {
    const page = desk(t);
    const button = formOf(page, "claim").querySelector("button");

    assert.equal(page.click(button, { detail: 2 }), false);
    assert.equal(sent(page), "");
    page.click(button, { detail: 1 });

    assert.equal(sent(page), "claim");
  });

  test("and a key that is held down on a button presses it once", (t) => {
    const page = desk(t);

    assert.equal(page.press("Enter", { on: "#claim", repeat: true }), false);
    assert.equal(page.press("Enter", { on: "#claim" }), true);
    assert.equal(page.press(" ", { on: "#undo button", repeat: true }), false);
    assert.equal(page.press("x", { on: "#reject-reason", repeat: true }), true);
    assert.equal(page.press("Enter", { on: "#proposal-b a", repeat: true }), true);
  });

  test("and can be pressed again after a failure", async (t) => {
    const page = desk(t);
    keys(page, "a");
    await page.pass(0);

    asks(page);
    fails(page);

    assert.ok(page.all("[data-verb] button").every((it) => !it.disabled));
    keys(page, "a");
    assert.equal(sent(page), "approve1 approve1");
  });

  for (const failure of ["htmx:sendError", "htmx:timeout"]) {
    test(`and can be pressed again after ${failure}`, async (t) => {
      const page = desk(t);
      keys(page, "j", "a");
      await page.pass(0);
      assert.equal(sent(page), "");

      page.tell(failure);
      assert.equal(current(page), "a"); // what is open is still the one before
      keys(page, "a");

      assert.equal(sent(page), "approve1");
    });
  }

  test("whatever becomes of what something else asked for", async (t) => {
    const page = desk(t);
    keys(page, "a");
    await page.pass(0);

    page.tell("htmx:afterRequest", { target: page.find("#undo"), successful: false, xhr: { status: 500 } });
    keys(page, "a");

    assert.equal(sent(page), "approve1");
  });

  test("and can be pressed when the browser brings the page back", async (t) => {
    const page = desk(t);
    keys(page, "a");
    await page.pass(0);

    page.window.dispatchEvent(Object.assign(new page.window.Event("pageshow"), { persisted: true }));
    keys(page, "a");

    assert.equal(sent(page), "approve1 approve1");
  });
});

describe("A decision goes on at once", () => {
  /** Somebody sends it beside the page. */
  function sending(t, options) {
    const page = desk(t, options);
    page.taken = [];
    page.document.addEventListener("desk:send", (event) => {
      event.preventDefault();
      page.taken.push(event.detail);
    });
    return page;
  }
  const opens = (page) => page.followed.map((it) => it.split("/")[2]).join(" ");

  test("to the next that waits, and its heading", async (t) => {
    const page = sending(t, { rows: row("a") + row("b", "decided") + row("c") });

    keys(page, "a");
    assert.equal(sent(page), ""); // not by the browser, nor by htmx
    assert.equal(page.taken[0].form.dataset.verb, "approve");
    assert.equal(opens(page), "c");
    draws(page, proposal("c"), { by: page.find("#proposal-c a") });

    assert.equal(page.focused, page.find("h1"));
    assert.equal(current(page), "c");
    keys(page, "a");
    assert.equal(sent(page), "");
    assert.ok(page.all("#decision [data-verb] button").every((it) => it.disabled));
    await page.pass(SETTLE - 1);
    keys(page, "j"); // there is none
    keys(page, "a");
    assert.equal(sent(page), "");
    await page.pass(1);
    keys(page, "a");
    assert.equal(sent(page), "approve1"); // nothing waits after it: only the server knows where to go on
    assert.equal(page.taken.length, 1);
  });

  test("with what was chosen and written, for the case that it comes back", (t) => {
    const page = sending(t);

    keys(page, "2", "r");
    page.find("#reject-reason").value = "Not ours";
    page.press("Enter", { ctrlKey: true });

    const [{ form, typed }] = page.taken;
    assert.equal(form, formOf(page, "reject"));
    assert.equal(typed.rank, "2");
    assert.ok(typed.reasons.some(([id, text]) => id === "reject-reason" && text === "Not ours"));
    assert.equal(typed.reasons.some(([id]) => id === "to"), false); // which is chosen, not written
    assert.equal(typed.choices.some(([id]) => id === "to"), true);
    draws(page, proposal("b"));
    page.tell("desk:put-back", { typed, why: "Say it in fewer characters." });
    assert.equal(page.find("#reject-reason").value, "Not ours");
    assert.equal(page.find("#s2").checked, true);
    assert.equal(opened(page), "verb-reject");
    assert.equal(page.find("#decision > .decision-refusal").textContent, "Say it in fewer characters.");
    assert.equal(page.find(".unsent"), null);
  });

  test("and what was written stands where it fits into no form any more, with why it did not count", (t) => {
    const page = desk(t, { detail: proposal("a", { verbs: "" }) });
    const typed = { folds: [], choices: [], reasons: [["reject-reason", "Not ours", "Why reject?"], ["comment-text", " ", "A note"]] };

    page.tell("desk:put-back", { typed, why: "This was already rejected, by Ben." });

    assert.equal(page.find("#decision > .unsent").textContent, "This was already rejected, by Ben.Why reject?");
    assert.equal(page.find(".unsent textarea").value, "Not ours");
    assert.equal(page.find(".decision-refusal"), null);
  });

  for (const verb of ["return", "escalate"]) {
    test(`when it says ${verb}`, (t) => {
      const page = sending(t);

      page.fold(`#verb-${verb}`);
      formOf(page, verb).requestSubmit();

      assert.equal(page.taken.length, 1);
    });
  }

  test("past what is on its way already, and what waits for others", (t) => {
    const page = sending(t, { rows: ["a", "b", "c", "d"].map((id) => row(id)).join("") });
    page.find("#proposal-b").dataset.away = "approve";
    page.find("#proposal-c").dataset.answered = "";

    keys(page, "a");
    assert.equal(opens(page), "d");
    draws(page, proposal("d"));
    keys(page, "k");

    assert.equal(opens(page), "d c"); // to read it is open to everybody
  });

  for (const [where, options, by] of [
    ["at the end of the list", { detail: proposal("c") }],
    ["where it is not in the list", { detail: proposal("x") }],
    ["where one has to confirm who one is", { detail: proposal("a", { verbs: approve(1).replace("<button>", '<p class="step-up"></p><button>') }) }],
    ["where it stays", {}, "claim"],
    ["of what was carried out already", { detail: proposal("a", { verbs: '<form class="verb-right" data-verb="approve"></form>' }) }],
  ]) {
    test(`but waits for its answer ${where}`, (t) => {
      const page = sending(t, options);

      if (by) formOf(page, by).requestSubmit();
      else keys(page, "a");

      assert.deepEqual(page.taken, []);
      assert.equal(page.sent.length, 1);
      assert.equal(opens(page), "");
    });
  }

  test("or waits for it where nobody sends it beside the page", (t) => {
    const page = desk(t);

    keys(page, "a");

    assert.equal(sent(page), "approve1");
    assert.equal(opens(page), "");
  });

  test("and stays open to answer where the next one can't be had", async (t) => {
    const page = sending(t);
    keys(page, "a");
    await page.pass(0);

    loses(page);
    await page.pass(0);
    assert.equal(current(page), "a");
    keys(page, "j");
    draws(page, proposal("b"));

    assert.equal("settling" in page.find("#detail").dataset, false); // that is over
  });

  test("and reads the list anew where nothing in it waits any more", (t) => {
    const page = desk(t, { rows: row("a") });
    const by = formOf(page, "approve", 1);
    by.requestSubmit();
    page.find("#proposal-a").dataset.status = "decided";

    draws(page, proposal("x"), { by });

    assert.ok(page.events.includes("desk:ran-out"));
  });
});

describe("An item that has only just come", () => {
  const came = (t) => {
    const page = desk(t);
    keys(page, "j");
    draws(page, proposal("b"));
    return page;
  };

  test("is not decided by a press that was meant for the one before", async (t) => {
    const page = came(t);

    keys(page, "a");
    formOf(page, "approve", 1).requestSubmit();
    await page.pass(GLANCE - 1);
    keys(page, "2", "t", "a");
    assert.equal(sent(page), "");
    assert.equal(page.toasts[0], "Nothing was approved: the item had only just come. Look at it, then do it again.");
    assert.equal(page.toasts[1], "Nothing was sent: the item had only just come. Look at it, then do it again.");
    await page.pass(1);
    keys(page, "2", "a");

    assert.equal(sent(page), "approve2");
  });

  test("is guarded from its own coming on, not from that of the one before", async (t) => {
    const page = came(t);
    await page.pass(GLANCE - 1);
    keys(page, "j");
    draws(page, proposal("c"));

    await page.pass(GLANCE - 1);
    keys(page, "a");

    assert.equal(sent(page), "");
  });

  test("is claimed, rejected in words and left as fast as one likes", (t) => {
    const page = came(t);

    keys(page, "r");
    assert.equal(opened(page), "verb-reject");
    keys(page, "Escape", "c", "j");

    assert.equal(sent(page), "claim");
  });

  test("is as before when it is drawn again", async (t) => {
    const page = came(t);
    await page.pass(GLANCE);

    draws(page, proposal("b"));
    keys(page, "a");

    assert.equal(sent(page), "approve1");
  });
});

describe("A key pressed ahead of its item", () => {
  const onTheWay = (t, options) => {
    const page = desk(t, options);
    keys(page, "j");
    asks(page);
    return page;
  };
  const arrives = async (page, html = proposal("b")) => {
    draws(page, html);
    await page.pass(0);
  };

  for (const [key, words] of [
    ["a", "Nothing was approved"],
    ["u", "U was not taken"],
    ["t", "T was not taken"],
    ["2", "2 was not taken"],
  ]) {
    test(`is refused aloud where it decides: ${key}`, async (t) => {
      const page = onTheWay(t);

      keys(page, key);
      await arrives(page);

      assert.deepEqual(page.toasts, [`${words}: the item was still on its way. Look at it, then do it again.`]);
      assert.equal(sent(page), "");
      assert.equal(page.find("#s1").checked, true);
    });
  }

  test("waits where it only opens a form, and what is typed after it waits too", async (t) => {
    const page = onTheWay(t);

    keys(page, "r", "n", "o", "t", "x", "Backspace", " ", "a", "Enter");
    assert.deepEqual(page.toasts, ["R will be done as soon as the item is here."]);
    assert.equal(opened(page), undefined);
    await arrives(page);

    assert.equal(opened(page), "verb-reject");
    assert.equal(page.find("#reject-reason").value, "not a");
    assert.equal(sent(page), "");
  });

  test("waits in the order of the others", async (t) => {
    const page = onTheWay(t);

    keys(page, "c", "j");
    assert.deepEqual(page.toasts.at(-1), "C, J will be done as soon as the item is here.");
    await arrives(page);

    assert.equal(sent(page), "claim");
    assert.equal(page.sent[0], formOf(page, "claim"));
    assert.deepEqual(page.followed, ["/queue/b/", "/queue/c/"]);
    assert.equal(page.toasts.length, 2);
  });

  test("waits where it opens an edit", async (t) => {
    const page = onTheWay(t);

    keys(page, "e");
    await arrives(page);

    assert.deepEqual(page.followed, ["/queue/b/", "/queue/edit/1/"]);
    assert.deepEqual(page.toasts, ["E will be done as soon as the item is here."]);
  });

  test("is done at once where it is about no item", (t) => {
    const page = onTheWay(t);

    keys(page, "n", "x", "/");

    assert.deepEqual(page.events, ["desk:show-new", "desk:select"]);
    assert.equal(page.focused, page.find("#q"));
  });

  test("waits for the answer of a verb that stays", async (t) => {
    const page = desk(t);
    const by = formOf(page, "claim");
    by.requestSubmit();
    asks(page);

    keys(page, "j");
    assert.equal(current(page), "a");
    draws(page, proposal("a"), { by });
    await page.pass(SETTLE - 1);
    assert.equal(current(page), "a");
    await page.pass(1);

    assert.equal(current(page), "b");
  });

  test("is said not to be possible where the item takes it not", async (t) => {
    const page = onTheWay(t);

    keys(page, "c", "s", "u", "p");
    await arrives(page, proposal("b", { verbs: approve(1) }));

    const words = ["C is not possible here.", "S is not possible here.", "There is no form for what you typed: “up”"];
    assert.deepEqual(page.toasts.slice(-3), words);
  });

  test("is one of eight at most", (t) => {
    const page = onTheWay(t);

    keys(page, ..."ccccccccc");

    assert.equal(page.toasts.at(-1), "C was not taken: the item was still on its way. Look at it, then do it again.");
    assert.equal(page.toasts.at(-2), "C, C, C, C, C, C, C, C will be done as soon as the item is here.");
  });

  for (const [how, forgets, why] of [
    ["the mouse", (page) => page.fire("#elsewhere", "pointerdown"), "you went on with the mouse"],
    ["Escape", (page) => keys(page, "Escape"), "you pressed Escape"],
    ["a refusal", (page) => fails(page), "the server refused"],
    ["a lost connection", (page) => loses(page), "the server did not answer"],
  ]) {
    test(`is called off aloud by ${how}`, async (t) => {
      const page = onTheWay(t);
      keys(page, "r", "n", "o");

      forgets(page);
      await page.pass(0);
      assert.equal(page.toasts.at(-1), `R was not done: ${why}. You had typed: “no”`);
      await arrives(page);

      assert.equal(opened(page), undefined);
    });
  }

  test("is forgotten with its words once it was called off", async (t) => {
    const page = onTheWay(t);
    keys(page, "r", "n", "o", "Escape", "m", "y", "e", "s");

    await arrives(page);

    assert.equal(opened(page), "verb-comment");
    assert.equal(page.find("#comment-reason").value, "yes");
  });

  test("takes along what a form takes, and leaves the rest to the browser", (t) => {
    const page = onTheWay(t);
    keys(page, "r");

    assert.deepEqual(["x", "Backspace", "Enter", "Tab", "ArrowDown"].map((key) => page.press(key)), [false, false, false, true, true]);
  });

  test("is not of an item that the server refused: the one before is open still", (t) => {
    const page = onTheWay(t);
    assert.equal(current(page), "b");

    fails(page);

    assert.equal(current(page), "a");
  });

  test("is not called off where nothing waits", (t) => {
    const page = desk(t);

    page.fire("#elsewhere", "pointerdown");

    assert.deepEqual(page.toasts, []);
  });

  test("that chose a suggestion keeps the next approval from being of another one", async (t) => {
    const page = onTheWay(t);
    keys(page, "2");
    await arrives(page);
    await page.pass(GLANCE);

    keys(page, "a");
    assert.equal(sent(page), "");
    assert.deepEqual(page.announced, ["Nothing was chosen yet. Choose again, or press A once more."]);
    keys(page, "a");

    assert.equal(sent(page), "approve1");
  });

  test("that chose a suggestion keeps nothing back once it was chosen again", async (t) => {
    const page = onTheWay(t);
    keys(page, "2");
    await arrives(page);
    await page.pass(GLANCE);

    keys(page, "2", "a");

    assert.equal(sent(page), "approve2");
  });
});

describe("The item that arrives", () => {
  const scroll = (page) => page.find("#proposal-scroll");

  /** Somebody at work on it, when it is drawn again. */
  function atWork(t) {
    const page = desk(t);
    page.find("#s2").checked = true;
    page.find("#fold-raw").open = true;
    keys(page, "r");
    page.find("#reject-reason").value = "Not our";
    scroll(page).scrollTop = 120;
    return page;
  }

  test("is as it was left, where it is the same one", (t) => {
    const page = atWork(t);

    draws(page, proposal("a"));

    assert.equal(page.find("#s2").checked, true);
    assert.equal(page.find("#fold-raw").open, true);
    assert.equal(opened(page), "verb-reject");
    assert.equal(page.find("#reject-reason").value, "Not our");
    assert.equal(page.focused, page.find("#reject-reason"));
    assert.equal(scroll(page).scrollTop, 120);
  });

  test("is as the server drew it, where it is another", (t) => {
    const page = atWork(t);

    draws(page, proposal("b"));

    assert.equal(page.find("#s1").checked, true);
    assert.equal(page.find("#fold-raw").open, false);
    assert.equal(opened(page), undefined);
    assert.equal(page.find("#reject-reason").value, "");
  });

  test("has the focus on its heading where what had it is gone", (t) => {
    const page = desk(t);
    page.find("#claim").focus();

    draws(page, proposal("a", { verbs: approve(1) }));

    assert.equal(page.focused, page.find("h1"));
  });

  const ENDED = '<p id="resolution"><strong>Rejected</strong>\n by Ben: too much</p>';
  const over = ({ verbs = "" } = {}) => proposal("a", { verbs, more: ENDED });

  test("has the words whose form is gone, and says why they were not sent", (t) => {
    const page = atWork(t);
    page.find("#comment-reason").value = "I called her.";

    draws(page, over({ verbs: panel("comment") }));

    assert.equal(page.find("#decision > .unsent").textContent, "Rejected by Ben: too muchWhy reject?");
    const [words, ...more] = page.all(".unsent textarea");
    assert.deepEqual([words.value, words.readOnly, words.form, more.length], ["Not our", true, null, 0]);
    assert.equal(page.find(".panel #comment-reason").value, "I called her."); // whose form is there
    assert.equal(page.focused, words);
    keys(page, "j"); // who goes on writing goes nowhere
    assert.deepEqual(page.followed, []);
  });

  test("has them as long as they have no form, and in it once that is back", (t) => {
    const page = atWork(t);
    page.find("#return-reason").value = "Add a photo.";

    draws(page, over());
    draws(page, over());
    assert.deepEqual(page.all(".unsent textarea").map((it) => it.value), ["Not our", "Add a photo."]);
    assert.deepEqual(page.all(".unsent label").map((it) => it.textContent), ["Why reject?", "Why return?"]);
    draws(page, proposal("a"));

    assert.equal(page.find(".unsent"), null);
    assert.equal(page.find(".panel #reject-reason").value, "Not our");
    assert.equal(page.find(".panel #return-reason").value, "Add a photo.");
  });

  for (const [where, html, why] of [
    ["this person has decided already", proposal("a", { verbs: '<p class="verbs-why">You have approved this.</p>' }), "You have approved this."],
    ["others answered what was asked", over().replace("<h1", '<p id="check">It was right, says Ben.</p><h1'), "It was right, says Ben."],
    ["it went to another team", '<article id="proposal" data-id="a"><h1>This went to another team</h1></article>', "This went to another team"],
  ]) {
    test(`says why words were not sent where ${where}`, (t) => {
      const page = atWork(t);

      draws(page, html);
      draws(page, html);

      assert.equal(page.find("#proposal .unsent [data-why]").textContent, why);
      assert.equal(page.find(".unsent textarea").value, "Not our");
    });
  }

  test("says nothing of forms that were open and empty", (t) => {
    const page = desk(t);
    keys(page, "r");
    page.find("#reject-reason").value = " ";

    draws(page, over());

    assert.equal(page.find(".unsent"), null);
    assert.equal(page.focused, page.find("h1"));
  });

  test("leaves the focus alone that is elsewhere", (t) => {
    const page = desk(t);
    page.find("#q").focus();

    draws(page, proposal("b"));

    assert.equal(page.focused, page.find("#q"));
  });

  test("is read from its heading where its row was entered, or on a phone", (t) => {
    const page = desk(t);
    page.press("Enter", { on: "#proposal-b a" });
    page.click("#proposal-b a");
    draws(page, proposal("b"));
    assert.equal(page.focused, page.find("h1"));

    const phone = desk(t);
    phone.phone = true;
    phone.click("#proposal-b a");
    draws(phone, proposal("b"));
    assert.equal(phone.focused, phone.find("h1"));
  });

  test("has its form open again at the field that has to be corrected", (t) => {
    const page = atWork(t);
    const by = formOf(page, "reject");

    draws(page, proposal("a").replace('id="verb-reject"', 'id="verb-reject" open'), { by, status: 422 });

    assert.equal(page.focused, page.find("#reject-reason"));
    assert.equal(page.find("#s1").checked, true); // as the server drew it, with what was sent
  });

  test("after a note has the note's form empty and the words in others kept", (t) => {
    const page = desk(t);
    page.find("#reject-reason").value = "Not our";
    keys(page, "m");
    page.find("#comment-reason").value = "I called her";
    const by = formOf(page, "comment");

    draws(page, proposal("a"), { by });

    assert.equal(opened(page), undefined);
    assert.equal(page.find("#comment-reason").value, "");
    assert.equal(page.find("#reject-reason").value, "Not our");
    assert.equal(page.focused, page.find("#verb-comment summary"));
    assert.deepEqual(page.events, []); // nothing was decided
  });

  test("after a note that was refused has its words still", (t) => {
    const page = desk(t);
    const told = [];
    page.document.addEventListener("desk:decided", ({ detail }) => told.push(detail.refused));
    keys(page, "m");
    page.find("#comment-reason").value = "I called her";

    draws(page, proposal("a"), { by: formOf(page, "comment"), status: 409 });

    assert.equal(page.find("#comment-reason").value, "I called her");
    assert.deepEqual(told, [true]);
  });

  test("after a claim has the focus on the claim", (t) => {
    const page = desk(t);

    draws(page, proposal("a"), { by: formOf(page, "claim") });

    assert.equal(page.focused, page.find("#claim"));
  });

  test("gives the page its title, also when another suggestion is chosen", (t) => {
    const page = desk(t);

    draws(page, `<div data-title="Nothing waits · reviewapp"><h1>Done</h1></div>`);
    assert.equal(page.document.title, "Nothing waits · reviewapp");
    draws(page, proposal("b"));
    page.find("h1").textContent = " Refund 10 instead ";
    page.fire("#s2", "change");

    assert.equal(page.document.title, "Refund 10 instead · reviewapp");
  });

  test("shows that it is on its way, and whether it is another", (t) => {
    const page = desk(t);
    const marks = () => page.find("#detail").className;

    asks(page);
    assert.equal(marks(), "is-waiting");
    page.click("#proposal-b a");
    asks(page);
    assert.equal(marks(), "is-waiting is-opening");
    draws(page, proposal("b"));

    assert.equal(marks(), "");
  });

  test("has what only helps with a script", (t) => {
    const page = desk(t);

    draws(page, proposal("b"));

    assert.equal(page.find("[data-help]").hidden, false);
    assert.ok(page.all("[data-presets]").every((it) => !it.hidden));
  });
});

describe("By mouse", () => {
  test("a row is marked as soon as it is clicked", (t) => {
    const page = desk(t);

    page.click("#proposal-c a");

    assert.equal(current(page), "c");
  });

  for (const how of ["ctrlKey", "metaKey", "shiftKey"]) {
    test(`a row that ${how} opens elsewhere changes nothing here`, (t) => {
      const page = desk(t);
      let heard = 0;
      page.find("#proposal-c a").addEventListener("click", () => heard++);

      page.click("#proposal-c a", { [how]: true });

      assert.equal(current(page), "a");
      assert.equal(heard, 0); // htmx is not asked either
    });
  }

  test("the next one is opened where there is one, else the link is followed", (t) => {
    const page = desk(t, { rows: row("a") + row("b") });

    page.click("[data-next]");
    assert.deepEqual(page.followed, ["/queue/b/"]);
    page.click("[data-next]");

    assert.deepEqual(page.followed, ["/queue/b/", "/queue/"]);
  });

  test("help is a button too", (t) => {
    const page = desk(t);

    page.click("[data-help]");

    assert.equal(page.find("#help").open, true);
  });
});
