import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { open } from "../../page.js";

const row = (id, { box = true, current = false } = {}) =>
  `<li class="row" id="proposal-${id}"><a class="row-link" href="/queue/${id}/"${current ? ' aria-current="true"' : ""}>${id}</a>
   ${box ? `<label class="row-select"><input type="checkbox" name="p" value="${id}"></label>` : ""}</li>`;
const rows = (count) => Array.from({ length: count }, (_, n) => row(`r${n + 1}`)).join("");

function list(t, html = rows(6)) {
  const form = `<form id="select-form"><span data-selected></span><button class="button-primary">Look</button>
    <button type="button" data-select-all>All</button><button type="button" data-select-none hidden>None</button></form>`;
  return open(t, `<body>${form}<ol id="rows">${html}</ol></body>`, "approvals/bulk/select.js");
}
const box = (page, id) => page.find(`#proposal-${id} input`);
const selected = (page) => page.all("#rows input:checked").map((it) => it.value).join(" ");
const said = (page) => page.find("[data-selected]").textContent;

describe("With Shift all between two are selected", () => {
  test("downwards", (t) => {
    const page = list(t);

    page.click(box(page, "r2"));
    page.click(box(page, "r5"), { shiftKey: true });

    assert.equal(selected(page), "r2 r3 r4 r5");
    assert.equal(said(page), "4 selected");
  });

  test("upwards", (t) => {
    const page = list(t);

    page.click(box(page, "r5"));
    page.click(box(page, "r2"), { shiftKey: true });

    assert.equal(selected(page), "r2 r3 r4 r5");
  });

  test("or none of them any more", (t) => {
    const page = list(t);
    page.click("[data-select-all]");

    page.click(box(page, "r2"));
    page.click(box(page, "r4"), { shiftKey: true });

    assert.equal(selected(page), "r1 r5 r6");
  });

  test("from where the last range ended", (t) => {
    const page = list(t);

    page.click(box(page, "r1"));
    page.click(box(page, "r3"), { shiftKey: true });
    page.click(box(page, "r5"), { shiftKey: true });

    assert.equal(selected(page), "r1 r2 r3 r4 r5");
  });

  test("but only the one itself where the other is gone", (t) => {
    const page = list(t);
    page.click(box(page, "r2"));

    page.find("#proposal-r2").remove();
    page.click(box(page, "r5"), { shiftKey: true });

    assert.equal(selected(page), "r5");
  });

  test("and without it each by itself", (t) => {
    const page = list(t);

    page.click(box(page, "r2"));
    page.click(box(page, "r5"));
    page.click(box(page, "r2"));

    assert.equal(selected(page), "r5");
    assert.deepEqual(page.announced, ["1 selected", "2 selected", "1 selected"]);
  });
});

describe("At most a hundred are decided at once", () => {
  test("by the button for all", (t) => {
    const page = list(t, rows(103));

    page.click("[data-select-all]");

    assert.equal(said(page), "100 selected");
    assert.equal(box(page, "r100").checked, true);
    assert.equal(box(page, "r101").checked, false);
    assert.equal(page.find("[data-select-all]").hidden, false);
    assert.deepEqual(page.toasts, []);
  });

  test("by box, which says so", (t) => {
    const page = list(t, rows(102));
    page.click("[data-select-all]");

    page.click(box(page, "r102"));

    assert.equal(box(page, "r102").checked, false);
    assert.deepEqual(page.toasts, ["At most 100 are decided at once."]);
    page.click(box(page, "r1"));
    page.click(box(page, "r102"));
    assert.equal(box(page, "r102").checked, true);
    assert.equal(said(page), "100 selected");
  });

  test("by a range", (t) => {
    const page = list(t, rows(130));

    page.click(box(page, "r10"));
    page.click(box(page, "r130"), { shiftKey: true });

    assert.equal(page.all("#rows input:checked").length, 100);
    assert.equal(box(page, "r110").checked, false);
    assert.equal(said(page), "100 selected");
  });
});

describe("What is selected", () => {
  test("opens the table, once it is something", (t) => {
    const page = list(t);
    const button = page.find(".button-primary");
    assert.equal(button.disabled, true);
    assert.equal(said(page), "0 selected");

    page.click(box(page, "r1"));
    assert.equal(button.disabled, false);
    page.click(box(page, "r1"));

    assert.equal(button.disabled, true);
  });

  test("outlives a row that is drawn anew", (t) => {
    const page = list(t);
    page.click(box(page, "r2"));

    page.find("#proposal-r2").replaceWith(page.fragment(row("r2")));
    page.tell("desk:rows");

    assert.equal(selected(page), "r2");
    assert.deepEqual(page.announced, ["1 selected"]); // nobody is told again what they did
  });

  test("forgets what was decided meanwhile", (t) => {
    const page = list(t);
    page.click("[data-select-all]");

    page.find("#proposal-r3").replaceWith(page.fragment(row("r3", { box: false })));
    page.find("#proposal-r4").remove();
    page.tell("desk:rows");

    assert.equal(said(page), "4 selected");
    page.find("#rows").append(page.fragment(row("r4")));
    page.tell("desk:rows");
    assert.equal(box(page, "r4").checked, false);
    assert.equal(said(page), "4 selected");
  });

  test("is forgotten with the list that another filter replaced", (t) => {
    const page = list(t);
    page.click(box(page, "r2"));

    page.find("#rows").replaceChildren(page.fragment(row("r9")));
    page.tell("htmx:afterSwap", { target: page.find("#rows") });

    assert.equal(said(page), "0 selected");
  });

  test("is what the browser kept ticked when one comes back", (t) => {
    const page = list(t);

    box(page, "r3").checked = true;
    page.fire(page.window, "pageshow");

    assert.equal(said(page), "1 selected");
  });

  test("is all, until a row comes", (t) => {
    const page = list(t);
    const all = page.find("[data-select-all]");

    page.click(all);
    assert.equal(all.hidden, true);
    page.find("#rows").append(page.fragment(row("r7")));
    page.tell("desk:rows");

    assert.equal(all.hidden, false);
  });

  test("is let go of, and the focus goes to the row that is open", (t) => {
    const page = list(t, row("r1") + row("r2", { current: true }));
    page.click("[data-select-all]");

    page.click("[data-select-none]");

    assert.equal(selected(page), "");
    assert.equal(page.focused, page.find("#proposal-r2 .row-link"));
  });

  test("is let go of, and the focus goes to the first row where none is open", (t) => {
    const page = list(t);
    page.click("[data-select-all]");

    page.click("[data-select-none]");

    assert.equal(page.focused, page.find("#proposal-r1 .row-link"));
  });
});

describe("By key", () => {
  test("the row is selected that the key is meant for, and let go of again", (t) => {
    const page = list(t);

    page.fire("#proposal-r4", "desk:select", { detail: null });
    assert.equal(selected(page), "r4");
    page.fire("#proposal-r4", "desk:select", { detail: null });

    assert.equal(selected(page), "");
    assert.deepEqual(page.announced, ["1 selected", "0 selected"]);
    assert.equal(page.find(".button-primary").disabled, true);
  });

  test("it is the one with the focus, else the open one", (t) => {
    const page = list(t, row("r1") + row("r2", { current: true }) + row("r3"));

    page.tell("desk:select");
    assert.equal(selected(page), "r2");
    page.find("#proposal-r3 .row-link").focus();
    page.tell("desk:select");

    assert.equal(selected(page), "r2 r3");
  });

  test("a range by mouse begins where the key was pressed", (t) => {
    const page = list(t);
    page.fire("#proposal-r2", "desk:select", { detail: null });

    page.click(box(page, "r4"), { shiftKey: true });

    assert.equal(selected(page), "r2 r3 r4");
  });

  test("nothing happens where nothing can be selected", (t) => {
    const page = list(t, row("r1", { box: false }));

    page.fire("#proposal-r1", "desk:select", { detail: null });

    assert.deepEqual(page.announced, []);
    assert.equal(said(page), "0 selected");
  });
});

test("Who only reads has no form, and the script nothing to do", (t) => {
  const page = open(t, `<ol id="rows">${row("r1", { box: false })}</ol>`, "approvals/bulk/select.js");

  page.tell("desk:rows");
  page.tell("desk:select");

  assert.deepEqual(page.announced, []);
});
