import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { open } from "../../page.js";

const ANSWER = `<section data-answer><button form="edit" name="do" value="approve" data-approve>Approve</button></section>`;
const LEAVE = `<dialog id="edit-leave"></dialog>`;
const LINKS = `<a id="away" href="/queue/p2/">Next</a><a id="within" href="#v-amount">Amount</a><a id="beside" href="/docs/" target="_blank">Docs</a>`;

const form = (fields) =>
  `<form id="edit" method="post" data-verb="edit"><h2 tabindex="-1" data-focus>Edit</h2>${fields}<button class="edit-check" name="do" value="check">Check</button>${ANSWER}</form>`;
const AMOUNT = '<input id="v-amount" name="v.amount" data-number value="10">';

function editing(t, fields = AMOUNT, more = "") {
  const scroll = `<div id="proposal-scroll"><div id="proposal-main">${form(fields)}${more}</div></div>`;
  return open(t, `<body><section id="detail">${scroll}</section>${LINKS}${LEAVE}</body>`, "approvals/editing/edit.js");
}
const wrong = (page, selector = "[name^='v.']") => page.find(selector).validationMessage;
const isDirty = (page) => page.find("#edit").hasAttribute("data-dirty");
const asksToLeave = (page) => page.find("#edit-leave").open;

describe("A number", () => {
  for (const [bounds, value, message] of [
    ["", "12", ""],
    ["", "-0.5", ""],
    ["", "1e3", ""],
    ["", "1.5E-3", ""],
    ["", "  7  ", ""],
    ["", "", "Write a number."],
    ["", "   ", "Write a number."],
    ["", "1,50", "Write it with a point: 1250.50"],
    ["", "1.250,50", "Write it with a point: 1250.50"],
    ["", "ten", "This is no number."],
    ["", "007", "This is no number."],
    ["", ".5", "This is no number."],
    ["", "5.", "This is no number."],
    ["", "0x10", "This is no number."],
    ["", "Infinity", "This is no number."],
    ['data-whole="1"', "5", ""],
    ['data-whole="1"', "5.0", ""],
    ['data-whole="1"', "5.5", "Write a whole number."],
    ['data-min="3"', "3", ""],
    ['data-min="3"', "2.99", "It must be at least 3."],
    ['data-min="0"', "-1", "It must be at least 0."],
    ['data-above="3"', "3.01", ""],
    ['data-above="3"', "3", "It must be more than 3."],
    ['data-max="9"', "9", ""],
    ['data-max="9"', "9.01", "It must be at most 9."],
    ['data-below="9"', "8.99", ""],
    ['data-below="9"', "9", "It must be less than 9."],
    ['data-step="0.01"', "54.04", ""],
    ['data-step="0.01"', "0.07", ""],
    ['data-step="0.01"', "54.045", "It must be a multiple of 0.01."],
    ['data-step="5"', "-15", ""],
    ['data-step="5"', "12", "It must be a multiple of 5."],
    ['data-min="1" data-max="9" data-step="2"', "4", ""],
  ]) {
    test(`“${value}” ${bounds && `with ${bounds} `}is ${message || "right"}`, (t) => {
      assert.equal(wrong(editing(t, `<input name="v.amount" data-number ${bounds} value="${value}">`)), message);
    });
  }
});

describe("A text", () => {
  for (const [bounds, value, message] of [
    ['data-least="3"', "abc", ""],
    ['data-least="3"', "ab", "Write at least 3 characters."],
    ['data-most="3"', "abc", ""],
    ['data-most="3"', "abcd", "It has 4 characters; at most 3 are allowed."],
    ['data-most="3"', "😀😀😀", ""],
    ['data-least="3"', "😀😀", "Write at least 3 characters."],
    ["", "", ""],
  ]) {
    test(`“${value}” ${bounds && `with ${bounds} `}is ${message || "right"}`, (t) => {
      assert.equal(wrong(editing(t, `<textarea name="v.note" ${bounds}>${value}</textarea>`)), message);
    });
  }

  test("is judged while it is typed, and right again once it is", (t) => {
    const page = editing(t, '<input name="v.note" data-most="3" value="abc">');

    page.type("[name='v.note']", "abcd");
    assert.equal(wrong(page), "It has 4 characters; at most 3 are allowed.");
    page.type("[name='v.note']", "ab");

    assert.equal(wrong(page), "");
  });

  test("that is no argument is not judged", (t) => {
    const page = editing(t, `${AMOUNT}<input name="reason" data-most="3" value="abcd">`);

    assert.equal(wrong(page, "[name=reason]"), "");
  });
});

describe("Once something was typed", () => {
  const approve = (page) => page.find("[data-approve]");

  for (const name of ["v.amount", "z.note", "json"]) {
    test(`into ${name}, it has to be checked again before it is approved`, (t) => {
      const page = editing(t, `<input name="${name}">`);

      page.type(`[name='${name}']`, "11");

      assert.equal(isDirty(page), true);
      assert.equal(approve(page).disabled, true);
      assert.equal(approve(page).textContent, "Check it again, then approve");
      assert.equal(page.find("[data-answer]").className, "is-stale");
    });
  }

  test("into a reason, what was checked still holds", (t) => {
    const page = editing(t, '<textarea name="reason"></textarea><input id="nameless">');

    page.type("[name=reason]", "Ten is enough");
    page.type("#nameless", "x");

    assert.equal(isDirty(page), false);
    assert.equal(approve(page).disabled, false);
  });

  test("elsewhere on the page, the form knows nothing of it", (t) => {
    const page = editing(t, AMOUNT, '<input id="search" name="v.q">');

    page.type("#search", "x");

    assert.equal(isDirty(page), false);
  });

  test("where nothing was checked yet, there is nothing to take back", (t) => {
    const page = editing(t);
    page.find("[data-answer]").remove();

    page.type("#v-amount", "11");

    assert.equal(isDirty(page), true);
  });

  test("a choice that turns the form is sent at once", (t) => {
    const page = editing(t, '<p><select name="f.amount" data-turn></select><button data-turn-now name="do" value="turn amount">Change</button></p>');

    page.fire("[data-turn]", "change");

    assert.deepEqual(page.sent, [page.find("#edit")]);
    assert.equal(isDirty(page), false);
  });
});

describe("Sending", () => {
  test("is a decision only where it approves", (t) => {
    const page = editing(t);
    const edit = page.find("#edit");

    page.click(".edit-check");
    assert.equal("verb" in edit.dataset, false);
    page.click("[data-approve]");

    assert.equal(edit.dataset.verb, "edit");
    assert.equal(page.sent.length, 2);
  });

  for (const key of ["ctrlKey", "metaKey"]) {
    test(`checks with Enter and ${key}, once however long it is held`, (t) => {
      const page = editing(t);

      page.press("Enter", { on: "#v-amount" });
      page.press("Enter", { on: "#v-amount", [key]: true, repeat: true });
      page.press("Enter", { on: "#away", [key]: true });
      assert.deepEqual(page.sent, []);
      const goes = page.press("Enter", { on: "#v-amount", [key]: true });

      assert.equal(page.sent.length, 1);
      assert.equal(goes, false); // the browser would press the first button
      assert.equal("verb" in page.find("#edit").dataset, false);
    });
  }

  test("leaves nothing to be typed into until its answer is there", (t) => {
    const page = editing(t);
    const inert = () => page.find("#edit").hasAttribute("inert");

    page.tell("htmx:beforeRequest", { elt: page.find("#away") });
    assert.equal(inert(), false);
    page.tell("htmx:beforeRequest", { elt: page.find("#edit") });
    assert.equal(inert(), true);
    page.tell("htmx:afterRequest");

    assert.equal(inert(), false);
  });
});

describe("A form that arrives", () => {
  const arrive = (page, fields) => {
    page.find("#proposal-main").replaceChildren(page.fragment(form(fields)));
    page.tell("htmx:afterSettle", { target: page.find("#detail") });
  };

  test("has the focus where one goes on, and that in sight", (t) => {
    const page = editing(t);
    page.find("#away").focus();

    arrive(page, AMOUNT);

    assert.equal(page.focused, page.find("h2"));
    assert.equal(page.scrolledTo.at(-1), page.find("h2"));
  });

  test("is shown from its beginning where that is the heading", (t) => {
    const page = editing(t);
    page.find("#proposal-scroll").scrollTop = 300;

    arrive(page, AMOUNT);

    assert.equal(page.find("#proposal-scroll").scrollTop, 0);
  });

  test("stays where it is where the focus is at a field", (t) => {
    const page = editing(t);
    page.find("#proposal-scroll").scrollTop = 300;

    page.find("#proposal-main").replaceChildren(page.fragment(`<form id="edit"><input name="v.a" data-focus></form>`));
    page.tell("htmx:afterSettle", { target: page.find("#detail") });

    assert.equal(page.focused, page.find("[name='v.a']"));
    assert.equal(page.find("#proposal-scroll").scrollTop, 300);
  });

  test("says at once what is wrong in it", (t) => {
    const page = editing(t);

    arrive(page, '<input name="v.amount" data-number value="ten">');

    assert.equal(wrong(page), "This is no number.");
  });

  test("elsewhere on the page is none", (t) => {
    const page = editing(t);
    page.find("#away").focus();

    page.tell("htmx:afterSettle", { target: page.find("#edit-leave") });

    assert.equal(page.focused, page.find("#away"));
  });

  test("leads from each mistake to its field", async (t) => {
    const page = editing(t, `${AMOUNT}<ul class="edit-wrong"><li><a href="#v-amount"><b>Amount</b></a></li></ul>`);

    page.click(".edit-wrong b");
    await page.pass(0);

    assert.equal(page.focused, page.find("#v-amount"));
  });
});

describe("Leaving", () => {
  const typed = (t) => {
    const page = editing(t);
    page.type("#v-amount", "11");
    return page;
  };
  const leaves = (page) => page.fire(page.window, "beforeunload");

  test("asks where something was typed, and goes on when told to", (t) => {
    const page = typed(t);

    page.click("#away");
    assert.equal(asksToLeave(page), true);
    assert.deepEqual(page.followed, []);
    page.find("#edit-leave").close("leave");

    assert.deepEqual(page.followed, ["/queue/p2/"]);
    assert.equal(isDirty(page), false);
  });

  test("stays when told to, and asks again", (t) => {
    const page = typed(t);

    page.click("#away");
    page.find("#edit-leave").close("stay");
    assert.deepEqual(page.followed, []);
    assert.equal(isDirty(page), true);
    page.click("#away");

    assert.equal(asksToLeave(page), true);
    assert.equal(page.find("#edit-leave").returnValue, ""); // what was said the last time counts no more
  });

  test("asks nothing where nothing was typed", (t) => {
    const page = editing(t);

    page.click("#away");

    assert.equal(asksToLeave(page), false);
    assert.deepEqual(page.followed, ["/queue/p2/"]);
    assert.equal(leaves(page), true);
  });

  for (const how of ["ctrlKey", "metaKey", "shiftKey"]) {
    test(`asks nothing where ${how} opens another tab`, (t) => {
      const page = typed(t);

      page.click("#away", { [how]: true });

      assert.equal(asksToLeave(page), false);
    });
  }

  for (const link of ["#within", "#beside"]) {
    test(`asks nothing where ${link} leaves the form as it is`, (t) => {
      const page = typed(t);

      page.click(link);

      assert.equal(asksToLeave(page), false);
    });
  }

  test("is heard of by nobody else before it was answered", (t) => {
    const page = typed(t);
    let heard = 0;
    page.find("#away").addEventListener("click", () => heard++);

    page.click("#away");
    assert.equal(heard, 0);
    page.find("#edit-leave").close("leave");

    assert.equal(heard, 1);
  });

  test("by another form of the page is asked about too", (t) => {
    const page = editing(t, AMOUNT, '<form id="search"></form>');
    page.type("#v-amount", "11");

    page.find("#search").requestSubmit();

    assert.equal(leaves(page), false);
  });

  test("by the browser's own means is asked about by the browser", (t) => {
    assert.equal(leaves(typed(t)), false);
  });

  test("by sending the form is no leaving", (t) => {
    const page = typed(t);

    page.click(".edit-check");
    assert.equal(leaves(page), true);
    page.tell("htmx:afterRequest");

    assert.equal(leaves(page), false);
  });
});

test("A page without the form is left alone", (t) => {
  const page = open(t, `<body><section id="detail"></section>${LINKS}</body>`, "approvals/editing/edit.js");

  page.tell("htmx:afterSettle", { target: page.find("#detail") });
  page.tell("htmx:afterRequest");
  page.click("#away");

  assert.deepEqual(page.followed, ["/queue/p2/"]);
  assert.equal(page.fire(page.window, "beforeunload"), true);
});
