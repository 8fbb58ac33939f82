import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { open } from "../../page.js";

const TEXT = "version: 1\nrules:\n  - name: wrong\n    when: args.x";
const found = (line, column, mild = false) =>
  `<li><a href="#policy-text" data-line="${line}" data-column="${column}"${mild ? " data-mild" : ""}><b>Line ${line}</b></a></li>`;

function editor(t, { text = TEXT, finds = "" } = {}) {
  const form = `<form method="post"><div class="gutter" hidden></div><textarea id="policy-text">${text}</textarea><button>Keep</button></form>`;
  const style = "<style>#policy-text { line-height: 20px }</style>";
  return open(t, `<body>${style}${form}<ul id="policy-check">${finds}</ul></body>`, "governance/policies/policy.js");
}
const area = (page) => page.find("#policy-text");
const numbers = (page) => page.all(".gutter span").map((it) => it.textContent);
const marks = (page) => page.all(".gutter span").map((it) => it.className);
const chosen = (page) => area(page).value.slice(area(page).selectionStart, area(page).selectionEnd);

describe("Beside the text", () => {
  test("every line has its number", (t) => {
    const page = editor(t);

    assert.deepEqual(numbers(page), ["1", "2", "3", "4"]);
    assert.equal(page.find(".gutter").hidden, false);
  });

  test("lines get numbers as they come, and lose them as they go", (t) => {
    const page = editor(t);

    page.type("#policy-text", `${TEXT}\n\n`);
    assert.deepEqual(numbers(page), ["1", "2", "3", "4", "5", "6"]);
    page.type("#policy-text", "version: 1");
    assert.deepEqual(numbers(page), ["1"]);
    page.type("#policy-text", "");

    assert.deepEqual(numbers(page), ["1"]);
  });

  test("the numbers scroll with it", (t) => {
    const page = editor(t);

    area(page).scrollTop = 140;
    page.fire("#policy-text", "scroll");

    assert.equal(page.find(".gutter").scrollTop, 140);
  });
});

describe("Mistakes", () => {
  test("are marked on their lines, the worse one where there are two", (t) => {
    const finds = found(2, 1, true) + found(3, 1, true) + found(3, 1) + found(4, 1) + found(4, 1, true);

    assert.deepEqual(marks(editor(t, { finds })), ["", "is-mild", "is-wrong", "is-wrong"]);
  });

  test("outside the text are marked nowhere", (t) => {
    assert.deepEqual(marks(editor(t, { finds: found(99, 1) + found(0, 1) })), ["", "", "", ""]);
  });

  test("are marked anew when the server has looked again", (t) => {
    const page = editor(t, { finds: found(2, 1) });

    page.find("#policy-check").replaceChildren(page.fragment(found(4, 1)));
    page.fire("#policy-check", "htmx:afterSwap");

    assert.deepEqual(marks(page), ["", "", "", "is-wrong"]);
  });

  test("lead to their place, of which the rest of the line is chosen", (t) => {
    const page = editor(t, { finds: found(3, 11) });

    const goes = page.click("#policy-check b");

    assert.equal(goes, false);
    assert.equal(page.focused, area(page));
    assert.equal(chosen(page), "wrong");
    assert.equal(area(page).scrollTop, -20); // three lines stay above it, where there are as many
  });

  test("lead to the right sign after one that a browser counts twice", (t) => {
    const page = editor(t, { text: "a: 1\nb: 😀😀 here", finds: found(2, 7) });

    page.click("[data-line]");

    assert.equal(chosen(page), "here");
  });

  test("behind the end lead to the end", (t) => {
    const page = editor(t, { finds: found(9, 5) });

    page.click("[data-line]");

    assert.equal(chosen(page), "");
    assert.equal(area(page).selectionStart, TEXT.length);
  });

  test("are the only thing there that leads anywhere", (t) => {
    const page = editor(t, { finds: '<li id="fine">Nothing is wrong.</li>' });

    assert.equal(page.click("#fine"), true);
  });
});

describe("Who leaves", () => {
  const asked = (page) => !page.fire(page.window, "beforeunload");

  test("with something unkept is asked once more", (t) => {
    const page = editor(t);
    assert.equal(asked(page), false);

    page.type("#policy-text", `${TEXT}.y`);
    assert.equal(asked(page), true);
    page.type("#policy-text", TEXT);

    assert.equal(asked(page), false);
  });

  test("by keeping it is not asked", (t) => {
    const page = editor(t);
    page.type("#policy-text", `${TEXT}.y`);

    page.click("button");

    assert.equal(page.sent.length, 1);
    assert.equal(asked(page), false);
  });
});
