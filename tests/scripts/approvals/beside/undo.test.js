import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { answered, open } from "../../page.js";

const one = (id, left) =>
  `<form class="undo-one" data-undo="${id}" data-verb="undo" data-sentence="refund ${id}"><span data-left="${left}"></span><button>Undo</button></form>`;

/** The bar as the server draws it: one in sight, the others folded. */
const bar = ([first, ...rest]) =>
  (first ? one(...first) : "") +
  (rest.length
    ? `<details id="undo-more"><summary data-undo-more></summary><div class="undo-rest">${rest.map((it) => one(...it)).join("")}</div></details>`
    : "");

function desk(t, approved, { rows = "", ...more } = {}) {
  const detail = `<section id="detail"><h1 tabindex="-1">Refund 10</h1><div id="decision"></div></section>`;
  const html = `<body><ol id="rows">${rows}</ol>${detail}<div id="undo" data-url="/queue/undo/">${bar(approved)}</div></body>`;
  return open(t, html, "approvals/beside/undo.js", more);
}

/** What htmx does with the server's answer. */
function answer(page, approved) {
  page.find("#undo").replaceChildren(...page.fragment(`<div>${bar(approved)}</div>`).childNodes);
  page.fire("#undo", "htmx:afterSwap", { detail: { target: page.find("#undo") } });
}
const left = (page, id) => page.find(`[data-undo="${id}"] [data-left]`)?.textContent;
const inSight = (page) => page.all("#undo > .undo-one").map((it) => it.dataset.undo).join(" ");
const folded = (page) => page.all(".undo-rest .undo-one").map((it) => it.dataset.undo).join(" ");
const withKey = (page) => page.all("kbd").map((it) => it.closest("[data-undo]").dataset.undo).join(" ");

describe("An approval counts down", () => {
  for (const [seconds, words] of [
    [1, "1 s"],
    [10, "10 s"],
    [99, "99 s"],
    [100, "2 min"],
    [120, "2 min"],
    [121, "3 min"],
    [3600, "60 min"],
  ]) {
    test(`from ${seconds} seconds: “${words}”`, (t) => {
      assert.equal(left(desk(t, [["p1", seconds]]), "p1"), words);
    });
  }

  test("and is offered no more when a click would come too late", async (t) => {
    const page = desk(t, [["p1", 3]]);

    await page.pass(1500);
    assert.equal(left(page, "p1"), "1 s");
    await page.pass(750);
    assert.equal(left(page, "p1"), "1 s");
    await page.pass(250);

    assert.equal(left(page, "p1"), undefined);
  });

  test("whatever the clock of the desk says meanwhile", async (t) => {
    const page = desk(t, [["p1", 60]]);

    page.window.Date.now = () => 0;
    await page.pass(10_000);

    assert.equal(left(page, "p1"), "50 s");
  });

  test("while the page is hidden, so that it is right when somebody comes back", async (t) => {
    const page = desk(t, [["p1", 60]]);

    page.hide();
    page.clock.now += 30_000; // a page in the background is not woken on time
    page.show();
    await page.pass(250);

    assert.equal(left(page, "p1"), "30 s");
  });

  test("but not away from under a form that was sent", async (t) => {
    const page = desk(t, [["p1", 2]]);

    page.find(".undo-one").dataset.sent = "true";
    await page.pass(5000);

    assert.equal(inSight(page), "p1");
  });

  test("and its focus goes to the item", async (t) => {
    const page = desk(t, [["p1", 2]]);

    page.find(".undo-one button").focus();
    await page.pass(2000);

    assert.equal(page.focused, page.find("#detail h1"));
  });

  test("and the focus stays on the next, which takes its place", async (t) => {
    const page = desk(t, [
      ["p1", 2],
      ["p2", 60],
    ]);
    page.find('[data-undo="p2"] button').focus();

    await page.pass(2000);

    assert.equal(page.focused, page.find('[data-undo="p2"] button'));
  });
});

describe("Of several", () => {
  const three = [
    ["p3", 30],
    ["p2", 20],
    ["p1", 10],
  ];

  test("one is in sight and has the key, the others are folded and counted", (t) => {
    const page = desk(t, three);

    assert.equal(inSight(page), "p3");
    assert.equal(folded(page), "p2 p1");
    assert.equal(withKey(page), "p3");
    assert.equal(page.find("[data-undo-more]").textContent, "2 more");
  });

  test("the next takes the place of the one that is over, and the key with it", async (t) => {
    const page = desk(t, [
      ["p3", 2],
      ["p2", 20],
      ["p1", 20],
    ]);

    await page.pass(2000);

    assert.equal(inSight(page), "p2");
    assert.equal(folded(page), "p1");
    assert.equal(withKey(page), "p2");
    assert.equal(page.find("[data-undo-more]").textContent, "1 more");
  });

  test("one that is over while it is folded is counted no more", async (t) => {
    const page = desk(t, three);

    await page.pass(10_000);

    assert.equal(inSight(page), "p3");
    assert.equal(folded(page), "p2");
    assert.equal(page.find("[data-undo-more]").textContent, "1 more");
  });

  test("the fold goes with the last that was in it", async (t) => {
    const page = desk(t, three);

    await page.pass(20_000);

    assert.equal(page.find("#undo-more"), null);
    assert.equal(inSight(page), "p3");
  });

  test("nothing is left in the end", async (t) => {
    const page = desk(t, three);

    await page.pass(60_000);

    assert.equal(page.find("#undo").children.length, 0);
    assert.equal(withKey(page), "");
  });
});

describe("What was approved just now", () => {
  test("is told, once", (t) => {
    const page = desk(t, []);

    answer(page, [["p1", 60]]);
    answer(page, [["p1", 50]]);

    assert.deepEqual(page.announced, ["Approved: refund p1. Can be undone for 60 s"]);
    assert.equal(withKey(page), "p1");
  });

  test("is not told again after a reload", (t) => {
    const page = desk(t, [["p1", 60]]);

    answer(page, [["p1", 50]]);

    assert.deepEqual(page.announced, []);
  });

  test("is told anew when it is approved anew", (t) => {
    const page = desk(t, [["p1", 60]]);

    answer(page, []);
    answer(page, [["p1", 30]]);

    assert.deepEqual(page.announced, ["Approved: refund p1. Can be undone for 30 s"]);
  });

  test("is asked for after every decision, with the filters of the page", async (t) => {
    const page = desk(t, [], { url: "https://desk.example/queue/p9/?team=finance" });

    page.tell("desk:decided", { refused: false });
    await answered();

    assert.deepEqual(page.drawn, [{ verb: "GET", path: "/queue/undo/?team=finance", target: "#undo" }]);
  });

  test("is asked for once more after an answer on its way, which does not know of it", async (t) => {
    const page = desk(t, []);

    for (const refused of [false, false, true]) page.tell("desk:decided", { refused });
    assert.equal(page.drawn.length, 1);
    await answered();
    assert.equal(page.drawn.length, 2);
    page.tell("desk:decided", { refused: false });

    assert.equal(page.drawn.length, 3);
  });

  test("is told to have been read only once all that was decided before is in it", async (t) => {
    const page = desk(t, []);
    const told = [];
    page.document.addEventListener("desk:undo-read", ({ detail }) => told.push([page.drawn.length, detail.isRead]));
    const { ajax } = page.window.htmx;
    page.window.htmx.ajax = async (...how) => {
      await ajax(...how);
      answer(page, []);
    };

    for (const refused of [false, false]) page.tell("desk:decided", { refused });
    await answered();
    assert.deepEqual(told, [[2, true]]);
    page.window.htmx.ajax = ajax; // nothing comes

    page.tell("desk:decided", { refused: false });
    await answered();

    assert.deepEqual(told.at(-1), [3, false]);
  });

  test("comes back unfolded where the fold was open", async (t) => {
    const two = [
      ["p2", 60],
      ["p1", 60],
    ];
    const page = desk(t, two);
    page.find("#undo-more").open = true;
    page.window.htmx.ajax = async () => answer(page, two);

    page.tell("desk:decided", { refused: false });
    await answered();

    assert.equal(page.find("#undo-more").open, true);
  });

  test("is asked for when the browser brings the page back as it was", (t) => {
    const page = desk(t, []);

    page.fire(page.window, "pageshow");
    assert.equal(page.drawn.length, 0);
    const back = new page.window.Event("pageshow");
    page.window.dispatchEvent(Object.assign(back, { persisted: true }));

    assert.equal(page.drawn.length, 1);
  });
});

describe("Undone elsewhere", () => {
  const row = (status) => `<li class="row" id="proposal-p1" data-status="${status}"></li>`;

  test("it is asked for again as soon as its row waits", (t) => {
    const page = desk(t, [["p1", 60]], { rows: row("decided") });

    page.tell("desk:rows");
    assert.equal(page.drawn.length, 0);
    page.find("#proposal-p1").dataset.status = "pending";
    page.tell("desk:rows");

    assert.equal(page.drawn.length, 1);
  });

  test("but not while a form of the bar waits for its answer", (t) => {
    const page = desk(t, [["p1", 60]], { rows: row("pending") });

    page.find(".undo-one").dataset.sent = "true";
    page.tell("desk:rows");

    assert.equal(page.drawn.length, 0);
  });
});

test("It stands above the bar of verbs, however high that is", (t) => {
  const high = ({ window }) => Object.defineProperty(window.HTMLElement.prototype, "offsetHeight", { get: () => 72 });
  const page = desk(t, [], { before: high });
  const height = () => page.document.documentElement.style.getPropertyValue("--bar");

  assert.equal(height(), "72px");
  page.find("#decision").remove();
  page.fire(page.window, "resize");

  assert.equal(height(), "0px");
});
