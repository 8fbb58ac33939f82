import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { open } from "../../page.js";

const BODY = `<details class="menu" id="one"><summary>Team</summary><a id="in-one" href="/queue/">All</a></details>
  <details class="menu" id="two"><summary>Order</summary></details><details id="fold"><summary>Raw</summary></details>
  <fieldset data-theme-switch hidden>${["system", "light", "dark"].map((it) => `<input type="radio" name="theme" value="${it}">`).join("")}</fieldset>
  <button id="paper" data-print><span>Print</span></button><button id="other" tabindex="0">Other</button>
  <p id="announce"></p><div id="toasts"></div>`;
const PAGE = "reviewapp/web/page.js";

const drawn = (t, { theme = "", ...more } = {}) => open(t, `<html ${theme && `data-theme="${theme}"`}><body>${BODY}</body></html>`, PAGE, more);
const openMenus = (page) => page.all(".menu[open]").map((it) => it.id).join(" ");
const unfold = (page, ...ids) => {
  for (const id of ids) page.find(`#${id}`).open = true;
};

describe("An open menu", () => {
  test("closes when one clicks elsewhere, and no other fold does", (t) => {
    const page = drawn(t);
    unfold(page, "one", "two", "fold");

    page.click("#other");

    assert.equal(openMenus(page), "");
    assert.equal(page.find("#fold").open, true);
  });

  test("stays while one is at work in it, and the others close", (t) => {
    const page = drawn(t);
    unfold(page, "one", "two");

    page.click("#in-one");

    assert.equal(openMenus(page), "one");
  });

  test("closes when the focus leaves it", (t) => {
    const page = drawn(t);
    unfold(page, "one");

    page.find("#in-one").focus();
    assert.equal(openMenus(page), "one");
    page.find("#other").focus();

    assert.equal(openMenus(page), "");
  });

  test("closes with Escape, which goes no further, and has the focus on its button", (t) => {
    const page = drawn(t);
    const heard = [];
    page.document.addEventListener("keydown", ({ key }) => heard.push(key));
    unfold(page, "two");

    page.press("Escape");
    assert.equal(openMenus(page), "");
    assert.equal(page.focused, page.find("#two summary"));
    assert.deepEqual(heard, []);
    page.press("Escape");

    assert.deepEqual(heard, ["Escape"]);
  });

  test("stays open at any other key", (t) => {
    const page = drawn(t);
    unfold(page, "one");

    page.press("a");

    assert.equal(openMenus(page), "one");
  });
});

describe("The theme", () => {
  const chosen = (page) => page.find("[name=theme]:checked").value;
  const choose = (page, value) => {
    page.find(`[value=${value}]`).checked = true;
    page.fire(`[value=${value}]`, "change");
  };
  const root = (page) => page.document.documentElement;

  test("is the system's until one is chosen", (t) => {
    const page = drawn(t);

    assert.equal(chosen(page), "system");
    assert.equal(page.find("[data-theme-switch]").hidden, false);
  });

  test("is kept for the next page", (t) => {
    const page = drawn(t);

    choose(page, "dark");

    assert.equal(root(page).dataset.theme, "dark");
    assert.equal(page.window.localStorage.getItem("reviewapp.theme"), "dark");
  });

  test("can be the system's again", (t) => {
    const page = drawn(t, { theme: "light" });
    assert.equal(chosen(page), "light");

    choose(page, "system");

    assert.equal("theme" in root(page).dataset, false);
    assert.equal(page.window.localStorage.getItem("reviewapp.theme"), "system");
  });

  test("holds for this page where nothing may be kept", (t) => {
    const shut = ({ window }) => Object.defineProperty(window, "localStorage", { get: () => assert.fail("shut") });
    const page = drawn(t, { before: shut });

    choose(page, "dark");

    assert.equal(root(page).dataset.theme, "dark");
  });
});

test("The page is printed by its button, and by no other", (t) => {
  const page = drawn(t);

  page.click("#other");
  assert.equal(page.prints, 0);
  page.click("#paper span");

  assert.equal(page.prints, 1);
});

describe("What is read aloud", () => {
  const said = (page) => page.find("#announce").textContent;

  test("waits a little, so that a burst is one sentence", async (t) => {
    const page = drawn(t);
    page.tell("page:announce", { text: "New: refund 10" });
    page.tell("page:announce", { text: "New: refund 20" });

    await page.pass(3999);
    assert.equal(said(page), "");
    await page.pass(1);

    assert.equal(said(page), "New: refund 10. New: refund 20");
  });

  test("comes at once where somebody waits for it", async (t) => {
    const page = drawn(t);

    page.tell("page:announce", { text: "End of the list", now: true });
    await page.pass(50);

    assert.equal(said(page), "End of the list");
  });

  test("is on one topic only the last word", async (t) => {
    const page = drawn(t);
    for (const text of ["1 new", "2 new", "3 new"]) page.tell("page:announce", { text, topic: "new" });
    page.tell("page:announce", { text: "Approved", topic: "undo" });

    await page.pass(4000);

    assert.equal(said(page), "3 new. Approved");
  });

  test("is never more than the last three", async (t) => {
    const page = drawn(t);
    for (const text of ["a", "b", "c", "d", "e"]) page.tell("page:announce", { text });

    await page.pass(4000);

    assert.equal(said(page), "c. d. e");
  });

  test("is not repeated with what comes later", async (t) => {
    const page = drawn(t);
    page.tell("page:announce", { text: "first" });
    await page.pass(4000);

    page.tell("page:announce", { text: "second" });
    await page.pass(4000);

    assert.equal(said(page), "second");
  });
});

describe("A toast", () => {
  const toasts = (page) => page.all("#toasts .toast").map((it) => it.textContent);

  test("takes the place of the one before, and is text", (t) => {
    const page = drawn(t);

    page.tell("page:toast", { text: "first" });
    page.tell("page:toast", { text: "<b>second</b>" });

    assert.deepEqual(toasts(page), ["<b>second</b>"]);
    assert.equal(page.find("#toasts b"), null);
  });

  const failed = (status, refused = null) => ({ xhr: { status, getResponseHeader: () => refused } });
  for (const [type, detail, words] of [
    ["htmx:responseError", failed(403), "You may not do this; nothing was changed."],
    ["htmx:responseError", failed(404), "This is gone, or not yours to see."],
    ["htmx:responseError", failed(429), "Too many requests. Wait a moment and try again."],
    ["htmx:responseError", failed(500), "The server failed. Open the item again to see where it stands."],
    ["htmx:sendError", {}, "The server can't be reached. Open the item again to see where it stands."],
    ["htmx:timeout", {}, "The server did not answer in time. Open the item again to see where it stands."],
  ]) {
    test(`says “${words}”`, (t) => {
      const page = drawn(t);

      page.tell(type, detail);

      assert.deepEqual(toasts(page), [words]);
    });
  }

  test("leaves to others what is about the session", (t) => {
    const page = drawn(t);

    page.tell("htmx:responseError", failed(401));
    page.tell("htmx:responseError", failed(403, "page-too-old"));

    assert.deepEqual(toasts(page), []);
  });
});

test("htmx runs nothing that stands in an answer, asks nobody else, and keeps no page", (t) => {
  const { allowEval, allowScriptTags, selfRequestsOnly, historyCacheSize } = drawn(t).window.htmx.config;

  assert.deepEqual([allowEval, allowScriptTags, selfRequestsOnly, historyCacheSize], [false, false, true, 0]);
});
