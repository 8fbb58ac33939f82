import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { answered, open } from "../../page.js";

const BELL = `<a id="bell" data-here="/notices/here/"><span id="bell-count" hidden><b data-bell-number></b></span></a>`;
const ASK = `<section data-browser-ask hidden><p data-browser-state></p><button data-browser-button>Show them</button></section>`;

async function bell(t, { html = BELL, body = "", answers = { json: { unread: 0, unread_shown: "0" } }, before = () => {} } = {}) {
  const headers = `hx-headers='{"X-CSRFToken": "token"}'`;
  const start = (page) => {
    page.answers = () => answers;
    before(page);
  };
  const page = open(t, `<body ${headers}>${html}${body}</body>`, "approvals/telling/bell.js", { before: start });
  await answered();
  return page;
}
const number = (page) => (page.find("#bell-count").hidden ? null : page.find("[data-bell-number]").textContent);
const push = (page, dataset) => {
  const news = page.document.createElement("i");
  Object.assign(news.dataset, dataset);
  page.tell("page:bell", { news });
};

describe("The bell", () => {
  test("has the number that the server says, in its words", async (t) => {
    assert.equal(number(await bell(t, { answers: { json: { unread: 3, unread_shown: "3" } } })), "3");
    assert.equal(number(await bell(t, { answers: { json: { unread: 120, unread_shown: "99+" } } })), "99+");
    assert.equal(number(await bell(t)), null);
  });

  test("rings with a push, and is silent once all is read", async (t) => {
    const page = await bell(t);

    push(page, { unread: "2", shown: "2" });
    assert.equal(number(page), "2");
    push(page, { unread: "0", shown: "0" });

    assert.equal(number(page), null);
  });

  for (const [what, answers] of [
    ["a refusal", { status: 403, json: { unread: 9, unread_shown: "9" } }],
    ["the log-in page", { redirected: true, json: { unread: 9, unread_shown: "9" } }],
    ["no JSON", { json: null }],
  ]) {
    test(`learns nothing from ${what}`, async (t) => {
      assert.equal(number(await bell(t, { answers })), null);
    });
  }
});

describe("That a page is in the foreground", () => {
  const beats = (page) => page.requests.map(({ url, method, body, headers }) => [method, url, String(body), headers["X-CSRFToken"]]);

  test("is told at once and every twenty seconds", async (t) => {
    const page = await bell(t);
    assert.deepEqual(beats(page), [["POST", "/notices/here/", "desk=0", "token"]]);

    await page.pass(19_999);
    assert.equal(page.requests.length, 1);
    await page.pass(1);

    assert.equal(page.requests.length, 2);
  });

  test("says whether it is the desk", async (t) => {
    const page = await bell(t, { body: '<div id="queue"></div>' });

    assert.equal(beats(page)[0][2], "desk=1");
  });

  test("is not told while it is not, and at once when it is again", async (t) => {
    const page = await bell(t);

    page.hide();
    await page.pass(60_000);
    assert.equal(page.requests.length, 1);
    page.show();

    assert.equal(page.requests.length, 2);
  });

  test("is told with the token of a session that was renewed", async (t) => {
    const page = await bell(t);

    page.document.body.setAttribute("hx-headers", '{"X-CSRFToken": "renewed"}');
    await page.pass(20_000);

    assert.equal(beats(page)[1][3], "renewed");
  });

  test("is told by no page without a bell", async (t) => {
    const page = await bell(t, { html: "" });

    await page.pass(60_000);

    assert.deepEqual(page.requests, []);
  });
});

describe("A line outside the page", () => {
  const line = { unread: "1", shown: "1", text: "Refund 10 waits", path: "/queue/p1/" };
  const granted = (page) => (page.permission = "granted");

  test("is shown by the browser while nobody looks", async (t) => {
    const page = await bell(t, { before: granted });

    page.hide();
    push(page, line);

    assert.deepEqual(page.notices.map(({ body, tag }) => ({ body, tag })), [{ body: "Refund 10 waits", tag: "reviewapp" }]);
  });

  test("leads to what it is about, and is gone then", async (t) => {
    const page = await bell(t, { before: granted });
    let focused = 0;
    page.window.focus = () => focused++;
    page.hide();
    push(page, line);
    const [notice] = page.notices;

    notice.dispatchEvent(new page.window.Event("click"));

    assert.deepEqual([focused, page.navigations, notice.closed], [1, 1, true]);
  });

  test("is not shown over the page itself, nor without words", async (t) => {
    const page = await bell(t, { before: granted });

    push(page, line);
    page.hide();
    push(page, { unread: "1", shown: "1" });

    assert.deepEqual(page.notices, []);
  });

  for (const permission of ["default", "denied"]) {
    test(`is not shown where the answer was ${permission}`, async (t) => {
      const page = await bell(t, { before: (page) => (page.permission = permission) });

      page.hide();
      push(page, line);

      assert.deepEqual(page.notices, []);
      assert.equal(number(page), "1");
    });
  }

  test("is done without where the browser shows notices of installed pages only", async (t) => {
    const refuses = ({ window }) => {
      window.Notification = class {
        static permission = "granted";
        constructor() {
          throw new TypeError("Illegal constructor");
        }
      };
    };
    const page = await bell(t, { before: refuses });

    page.hide();
    push(page, line);

    assert.equal(number(page), "1");
  });
});

describe("Whether the browser may show notices", () => {
  const state = (page) => page.find("[data-browser-state]").textContent;
  const button = (page) => page.find("[data-browser-button]");

  for (const [permission, words, asks] of [
    ["default", "This browser has not been asked whether it may show notices.", true],
    ["granted", "This browser shows notices while one of these pages is open in the background.", false],
    ["denied", "This browser was told not to show notices of this site. Its own settings can change that.", false],
  ]) {
    test(`is said: ${permission}`, async (t) => {
      const page = await bell(t, { html: BELL + ASK, before: (page) => (page.permission = permission) });

      assert.equal(state(page), words);
      assert.equal(button(page).hidden, !asks);
      assert.equal(page.find("[data-browser-ask]").hidden, false);
    });
  }

  test("is asked only when somebody presses the button", async (t) => {
    const page = await bell(t, { html: BELL + ASK });
    page.answersPermission = "granted";
    assert.equal(page.permission, "default");

    page.click("[data-browser-button]");
    await answered();

    assert.equal(button(page).hidden, true);
    assert.match(state(page), /^This browser shows notices/);
  });

  test("is no question for a browser that shows none", async (t) => {
    const page = await bell(t, { html: BELL + ASK, before: ({ window }) => delete window.Notification });

    assert.equal(page.find("[data-browser-ask]").hidden, true);
    page.hide();
    push(page, { unread: "1", shown: "1", text: "Refund 10 waits", path: "/" });
    assert.equal(number(page), "1");
  });
});
