import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { open } from "../../page.js";

const fold = (verb, id) => `<details data-do="${verb}"><summary>${verb}</summary><form><input type="hidden"><input id="${verb}-${id}"></form></details>`;
const row = (id, does = fold("done", id) + fold("cancel", id)) =>
  `<tr id="execution-${id}"><th><a class="cell-main" href="/executions/${id}/">${id}</a></th><td>${does}</td></tr>`;
const HELP = '<dialog id="help"><input id="keys-on" type="checkbox" checked></dialog>';
const list = (t, ...rows) =>
  open(t, `<body><main id="main"><button data-help>Keys</button><table><tbody>${rows.join("")}</tbody></table></main>${HELP}</body>`, "execution/desk/keys.js");
const one = (t, does) =>
  open(t, `<body><main id="main"><a class="back-link" href="/executions/">Back</a>${does}</main>${HELP}</body>`, "execution/desk/keys.js");
const keys = (page, ...pressed) => pressed.forEach((key) => page.press(key));

describe("Through the list", () => {
  test("goes from row to row, and says where it ends", (t) => {
    const page = list(t, row("a"), row("b"));

    keys(page, "j", "j");
    assert.equal(page.focused.textContent, "b");
    keys(page, "j");
    assert.deepEqual(page.announced, ["End of the list"]);
    keys(page, "K");
    assert.equal(page.focused.textContent, "a");
    assert.deepEqual(page.scrolledTo.map(({ id }) => id), ["execution-a", "execution-b", "execution-a"]);
  });

  test("goes on from the row that somebody is in, and from the top where that is gone", (t) => {
    const page = list(t, row("a"), row("b"), row("c"));

    page.find("#execution-b summary").focus();
    keys(page, "j");
    assert.equal(page.focused.textContent, "c");
    page.find("#execution-c").remove();
    keys(page, "j");
    assert.equal(page.focused.textContent, "a");
  });

  test("has nowhere to go where there is none", (t) => {
    const page = list(t);
    keys(page, "j", "k");
    assert.deepEqual(page.announced, []);
  });
});

describe("The forms", () => {
  test("open in the row that was chosen, with the focus in the field", (t) => {
    const page = list(t, row("a"), row("b"));

    keys(page, "c");
    assert.deepEqual(page.announced, ["Choose an execution first, with J and K"]);
    keys(page, "j", "j", "c");
    assert.equal(page.focused.id, "cancel-b");
    assert.equal(page.all("details[open]").length, 1);
  });

  test("close again, and leave the focus where they were opened", (t) => {
    const page = list(t, row("a"));
    keys(page, "j", "d");

    keys(page, "Escape");

    assert.equal(page.focused.textContent, "done");
    assert.equal(page.find("details[open]"), null);
  });

  test("are sent by nobody but who presses their button", (t) => {
    const page = list(t, row("a", '<form data-do="retry"><input type="hidden"><button>Retry</button></form>'));

    keys(page, "j", "r");

    assert.equal(page.focused.textContent, "Retry");
    assert.deepEqual(page.sent, []);
  });

  test("that are not there are told of", (t) => {
    const page = list(t, row("a"));
    keys(page, "j", "r");
    assert.deepEqual(page.announced, ["Retry is not possible here"]);
  });

  test("of the page of one need no row", (t) => {
    const page = one(t, fold("done", "x"));

    keys(page, "d");
    assert.equal(page.focused.id, "done-x");
    keys(page, "Escape", "u");
    assert.deepEqual(page.followed, ["/executions/"]);
  });
});

describe("A key", () => {
  test("in a field is text, and Escape leaves the field", (t) => {
    const page = one(t, '<input id="free">');
    page.find("#free").focus();

    keys(page, "u", "?");
    assert.deepEqual(page.followed, []);
    assert.equal(page.find("#help").open, false);
    keys(page, "Escape");
    assert.notEqual(page.focused.id, "free");
  });

  test("does nothing with another one held, held down, or where single keys are off", (t) => {
    const page = list(t, row("a"));
    page.press("j", { ctrlKey: true });
    keys(page, "j");
    page.press("c", { repeat: true });
    assert.equal(page.find("details[open]"), null);

    page.find("#keys-on").checked = false;
    keys(page, "c");
    assert.equal(page.find("details[open]"), null);
  });

  test("shows the help, as the button does, and means nothing else while it is open", (t) => {
    const page = list(t, row("a"));

    keys(page, "?", "j");
    assert.equal(page.find("#help").open, true);
    assert.notEqual(page.focused.textContent, "a");
    page.find("#help").close();
    page.click("[data-help]");
    assert.equal(page.find("#help").open, true);
  });
});
