import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { open } from "../../page.js";

const BAR = `<div class="bulk-bar"><form data-bulk id="approve"><input type="hidden" name="seconds"><button id="go">Approve 3</button></form>
  <details class="verb-panel bulk-verb" id="reject"><summary>Reject</summary><form data-bulk><input type="hidden" name="seconds">
  <p data-presets hidden><button type="button">Not our customer</button></p><textarea></textarea>
  <button type="button" data-close hidden>Close</button></form></details></div>`;
const line = (id) => `<tr id="${id}"><td class="cell-do"><button form="bulk-rest" name="without" value="${id}">Leave out</button></td></tr>`;
const table = (...ids) =>
  `<section id="bulk"><h1 tabindex="-1"> ${ids.length} for 30 EUR </h1><table class="bulk-table"><tbody>${ids.map(line).join("")}</tbody></table></section>`;

const bulk = (t, ...ids) => open(t, `<body><form id="bulk-rest"></form>${table(...ids)}${BAR}</body>`, "approvals/bulk/bulk.js");
const text = (page) => page.find("#reject textarea");

test("What is of no use without a script comes out", (t) => {
  const page = bulk(t, "a");

  assert.deepEqual(page.all("[data-presets], [data-close]").map((it) => it.hidden), [false, false]);
});

describe("How long it was looked at", () => {
  test("is sent along, in seconds", async (t) => {
    const page = bulk(t, "a");

    await page.pass(12_400);
    page.click("#go");

    assert.deepEqual(page.sent, [page.find("#approve")]);
    assert.equal(page.find("#approve [name=seconds]").value, "12");
  });

  test("does not count while the page is hidden", async (t) => {
    const page = bulk(t, "a");

    await page.pass(5000);
    page.hide();
    await page.pass(60_000);
    page.show();
    await page.pass(2000);
    page.click("#go");

    assert.equal(page.find("#approve [name=seconds]").value, "7");
  });
});

describe("One press is one answer", () => {
  test("however often it is pressed", async (t) => {
    const page = bulk(t, "a");

    page.click("#go");
    page.click("#go");
    assert.equal(page.sent.length, 1);
    assert.equal(page.find("#go").disabled, false); // the browser has yet to read the form
    await page.pass(0);

    assert.ok(page.all(".bulk-bar button").every((it) => it.disabled));
  });

  test("and another after one has come back", async (t) => {
    const page = bulk(t, "a");
    page.click("#go");
    await page.pass(0);

    page.window.dispatchEvent(Object.assign(new page.window.Event("pageshow"), { persisted: true }));

    assert.ok(page.all(".bulk-bar button").every((it) => !it.disabled));
    page.click("#go");
    assert.equal(page.sent.length, 2);
  });

  test("but not on a page that is loaded for the first time", (t) => {
    const page = bulk(t, "a");
    page.click("#go");

    page.window.dispatchEvent(Object.assign(new page.window.Event("pageshow"), { persisted: false }));
    page.click("#go");

    assert.equal(page.sent.length, 1);
  });

  test("also where the key is held down, except in a text", (t) => {
    const page = bulk(t, "a");

    assert.equal(page.press("Enter", { on: "#go", repeat: true }), false);
    assert.equal(page.press("Enter", { on: "#go" }), true);
    assert.equal(page.press("e", { on: text(page), repeat: true }), true);
    assert.equal(page.press("Enter", { on: "h1", repeat: true }), true);
  });
});

describe("A reason", () => {
  test("has the focus as soon as its panel opens", (t) => {
    const page = bulk(t, "a");

    page.fold("#reject");

    assert.equal(page.focused, text(page));
  });

  test("is begun by a preset, and goes on with another", (t) => {
    const page = bulk(t, "a");
    const preset = page.find("[data-presets] button");

    page.click(preset);
    assert.equal(text(page).value, "Not our customer");
    text(page).value += "  ";
    page.click(preset);

    assert.equal(text(page).value, "Not our customer\nNot our customer");
    assert.equal(page.focused, text(page));
  });

  for (const key of ["ctrlKey", "metaKey"]) {
    test(`is sent with Enter and ${key}`, (t) => {
      const page = bulk(t, "a");

      page.press("Enter", { on: text(page) });
      page.press("Enter", { on: text(page), [key]: true, repeat: true });
      assert.deepEqual(page.sent, []);
      page.press("Enter", { on: text(page), [key]: true });

      assert.deepEqual(page.sent, [text(page).form]);
    });
  }

  for (const [how, close] of [
    ["Escape", (page) => page.press("Escape")],
    ["its button", (page) => page.click("[data-close]")],
  ]) {
    test(`is put away with ${how}, and the focus is where it was opened`, (t) => {
      const page = bulk(t, "a");
      page.fold("#reject");

      close(page);

      assert.equal(page.find("#reject").open, false);
      assert.equal(page.focused, page.find("#reject summary"));
    });
  }
});

describe("A line that is left out", () => {
  /** Press its button, and let htmx bring the table without it. */
  function leaveOut(page, id, ...rest) {
    const submitter = page.find(`#${id} button`);
    const elt = page.find("#bulk-rest");
    const formData = new page.window.FormData();
    page.fire(elt, "htmx:configRequest", { detail: { triggeringEvent: { submitter }, formData } });
    page.fire(elt, "htmx:beforeRequest", { detail: { elt, requestConfig: { triggeringEvent: { submitter } } } });
    page.find("#bulk").replaceWith(page.fragment(table(...rest)));
    page.tell("htmx:afterSettle");
    return formData;
  }

  test("is named, though its button stands beside the form", (t) => {
    const page = bulk(t, "a", "b");

    assert.deepEqual([...leaveOut(page, "a", "b")], [["without", "a"]]);
  });

  test("gives its focus to the one that has taken its place", (t) => {
    const page = bulk(t, "a", "b", "c");

    leaveOut(page, "b", "a", "c");

    assert.equal(page.focused, page.find("#c button"));
    assert.deepEqual(page.announced, ["2 for 30 EUR"]);
  });

  test("gives it to the last where it was the last", (t) => {
    const page = bulk(t, "a", "b", "c");

    leaveOut(page, "c", "a", "b");

    assert.equal(page.focused, page.find("#b button"));
  });

  test("gives it to the heading where nothing is left", (t) => {
    const page = bulk(t, "a");

    leaveOut(page, "a");

    assert.equal(page.focused, page.find("h1"));
  });

  test("and another form says nothing of lines", (t) => {
    const page = bulk(t, "a");
    const formData = new page.window.FormData();

    page.tell("htmx:configRequest", { triggeringEvent: { submitter: page.find("#go") }, formData });
    page.tell("htmx:configRequest", { formData });

    assert.deepEqual([...formData], []);
  });
});
