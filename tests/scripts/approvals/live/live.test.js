import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { answered, open } from "../../page.js";

const ROW = {
  version: 1, status: "pending", team: "operations", agent: "ops-agent", action: "refund_payment", risk: "low",
  order: "050", due: "20260302T1200", made: "20260302T0800", title: "Kettle", contradicts: "", deadline: "2026-03-02T12:00:00Z",
};

/** A row as the server draws it. */
function row(id, how = {}) {
  const { deadline, state, claimed, looking, ...data } = { ...ROW, ...how };
  const attributes = Object.entries(data).map(([name, value]) => `data-${name}="${value}"`);
  const age = data.status === "pending" ? '<time data-ago datetime="2026-03-02T08:00:00Z"></time>' : "";
  const when = state ? `<b class="row-state">${state}</b>` : `<time data-deadline datetime="${deadline}"></time>`;
  return `<li class="row" id="proposal-${id}" ${attributes.join(" ")}><a class="row-link" href="/queue/${id}/">
    <span class="row-sentence">Refund ${id}</span>${claimed ? '<span class="initials">AK</span>' : ""}<span>${age}</span>
    <b class="row-contradicts"${data.contradicts ? "" : " hidden"}>contradicts</b><i class="row-looking" data-looking='${looking ?? ""}' hidden></i>
    <span class="row-who">${data.agent} · ${data.action}</span><span class="row-when">${when}</span></a></li>`;
}
const done = (id, how) => row(id, { version: 2, status: "decided", state: "approved by Ben", ...how });

function queue(rows, how = {}) {
  const data = { version: 10, me: 7, order: "age", url: "/queue/list/", ...how };
  const attributes = Object.entries(data).map(([name, value]) => `data-${name}="${value}"`);
  return `<div id="queue" ${attributes.join(" ")}><p class="list-count"><strong>${how.count ?? rows.length}</strong> waiting</p>
    <details class="menu" id="order-menu"><summary>Order</summary><a id="by-age">Age</a></details>
    <button data-show-new hidden><b data-new-count></b> <span data-new-sentence></span></button><ol id="rows">${rows.join("")}</ol></div>`;
}
const proposal = (id, { version = 1, status = "pending", inside = "" } = {}) =>
  `<article id="proposal" data-id="${id}" data-version="${version}" data-status="${status}" data-url="/queue/${id}/"><h1>${id}</h1>
   <p data-changed hidden><button data-reload>Show</button></p><div id="decision">${inside}</div></article>`;
const PANEL = '<details class="verb-panel" open><form data-verb="reject"><textarea></textarea><button>Reject</button></form></details>';
const LAMP = '<p id="live-status" data-state="reconnecting">Reconnecting</p>';

/** Rows in order of their age: `made` is their place in the list. */
const waiting = (...ids) => ids.map((id, n) => row(id, { made: `20260302T080${n}` }));

function desk(t, rows, { list = {}, detail = "", ...more } = {}) {
  const before = (page) => (page.answers = ({ url }) => (url.includes("version") ? { json: { version: 10 } } : { status: 500 }));
  const html = `<body>${LAMP}<section class="list">${queue(rows, list)}</section><section id="detail">${detail}</section></body>`;
  return open(t, html, "approvals/live/live.js", { before, ...more });
}
const push = (page, ...parts) => page.tell("htmx:wsBeforeMessage", { message: parts.join("") });
const ids = (page) => page.all("#rows > .row").map((it) => it.id.slice("proposal-".length)).join(" ");
const at = (page, id) => page.find(`#proposal-${id}`);
const count = (page) => page.find(".list-count strong").textContent;
const news = (page) => {
  const button = page.find("[data-show-new]");
  return button.hidden ? null : button.textContent.trim();
};
const serves = (page, rows, how) => {
  page.answers = ({ url }) => (url.includes("version") ? { json: { version: how?.version ?? 10 } } : { text: queue(rows, how) });
};
const state = (page) => page.find("#live-status").textContent;
const asked = (page) => page.requests.map((it) => it.url);
const VERSION = "/queue/version/";
const LIST = "/queue/list/";

describe("A row that changed", () => {
  test("is exchanged where it stands, and htmx is told", (t) => {
    const page = desk(t, waiting("a", "b", "c"));

    push(page, row("b", { version: 2, made: "20260302T0801", title: "Two kettles" }));

    assert.equal(ids(page), "a b c");
    assert.equal(at(page, "b").dataset.title, "Two kettles");
    assert.deepEqual(page.processed, [at(page, "b")]);
    assert.ok(!at(page, "b").classList.contains("is-fresh"));
    assert.equal(count(page), "3");
  });

  test("keeps its place even where it would sort elsewhere now", (t) => {
    const page = desk(t, waiting("a", "b", "c"));

    push(page, row("a", { version: 2, made: "20260302T0900" }));

    assert.equal(ids(page), "a b c");
  });

  test("keeps the focus of somebody who is at it", (t) => {
    const page = desk(t, waiting("a", "b"));
    at(page, "b").querySelector("a").focus();

    push(page, row("b", { version: 2 }));

    assert.equal(page.focused, at(page, "b").querySelector("a"));
  });

  test("is not undone by an older one that comes late", (t) => {
    const page = desk(t, [row("a", { version: 3, title: "New" })]);

    push(page, row("a", { version: 2, title: "Old" }));

    assert.equal(at(page, "a").dataset.title, "New");
  });

  test("fades in place when it was decided, and is counted no more, once", (t) => {
    const page = desk(t, waiting("a", "b"));

    push(page, done("a"));
    assert.equal(ids(page), "a b");
    assert.ok(at(page, "a").classList.contains("is-fresh"));
    assert.equal(count(page), "1");
    push(page, done("a", { version: 3 }));

    assert.equal(count(page), "1");
    assert.ok(!at(page, "a").classList.contains("is-fresh"));
  });

  test("leaves a count alone that is capped", (t) => {
    const page = desk(t, waiting("a"), { list: { count: "1,000+" } });

    push(page, done("a"));

    assert.equal(count(page), "1,000+");
  });
});

describe("A new row", () => {
  const late = (id, how) => row(id, { made: "20260302T0900", ...how });
  const early = (id, how) => row(id, { made: "20260302T0700", ...how });

  test("is appended where nothing moves", (t) => {
    const page = desk(t, waiting("a", "b"));

    push(page, late("c"));

    assert.equal(ids(page), "a b c");
    assert.ok(at(page, "c").classList.contains("is-fresh"));
    assert.equal(count(page), "3");
    assert.equal(news(page), null);
    assert.deepEqual(page.announced, ["New: Refund c"]);
  });

  test("is the first of an empty list", (t) => {
    const page = desk(t, []);

    push(page, early("a"));

    assert.equal(ids(page), "a");
  });

  test("is counted instead where it would move others", (t) => {
    const page = desk(t, waiting("a", "b"));

    push(page, early("c"));
    push(page, early("d"));

    assert.equal(ids(page), "a b");
    assert.equal(news(page), "2 new Refund d");
    assert.equal(count(page), "4");
    assert.deepEqual(page.announced, ["1 new, press N to show", "2 new, press N to show"]);
  });

  test("is counted once, however often it is told of", (t) => {
    const page = desk(t, waiting("a"));

    push(page, early("c"));
    push(page, early("c", { version: 2 }));

    assert.equal(news(page), "1 new Refund c");
    assert.equal(count(page), "2");
  });

  test("is counted where there are more pages, though it sorts last", (t) => {
    const page = desk(t, waiting("a"), { list: { more: "true" } });

    push(page, late("c"));

    assert.equal(ids(page), "a");
    assert.equal(news(page), "1 new Refund c");
  });

  test("is counted no more once it was decided", (t) => {
    const page = desk(t, waiting("a"));
    push(page, early("c"));

    push(page, done("c"));

    assert.equal(news(page), null);
  });

  test("that was decided before anybody saw it is no news", (t) => {
    const page = desk(t, waiting("a"));

    push(page, done("c"));

    assert.equal(ids(page), "a");
    assert.equal(count(page), "1");
    assert.deepEqual(page.announced, []);
  });

  for (const [order, last, before] of [
    ["age", { made: "20260302T0900", due: "2", order: "1" }, { made: "20260302T0700", due: "9", order: "9" }],
    ["deadline", { due: "20260302T1300", made: "1", order: "1" }, { due: "20260302T1100", made: "9", order: "9" }],
    ["priority", { order: "060", due: "1", made: "1" }, { order: "040", due: "9", made: "9" }],
    ["priority", { order: "050", due: "20260302T1300", made: "1" }, { order: "050", due: "20260302T1100", made: "9" }],
  ]) {
    test(`has its place by ${order}`, (t) => {
      const page = desk(t, [row("m")], { list: { order } });

      push(page, row("n", last));
      assert.equal(ids(page), "m n");
      push(page, row("l", before));

      assert.equal(ids(page), "m n");
      assert.equal(news(page), "1 new Refund l");
    });
  }

  test("has its place by its name where all else is the same", (t) => {
    const page = desk(t, [row("m")]);

    push(page, row("n"));
    push(page, row("l"));

    assert.equal(ids(page), "m n");
  });
});

describe("In a list that is filtered", () => {
  const MATCHING = "/queue/matching/?risk=high&id=";
  const filtered = (t, answer) => {
    const page = desk(t, waiting("a"), { list: { filtered: "", url: "/queue/?risk=high" } });
    page.answers = ({ url }) => (url.startsWith("/queue/matching/") ? answer(url) : { status: 500 });
    return page;
  };
  const later = { made: "20260302T0900" };

  test("the server says whether a new row belongs", async (t) => {
    const page = filtered(t, () => ({ json: { ids: ["c"] } }));

    push(page, row("c", later));
    assert.equal(ids(page), "a");
    await page.clock.pass(50);

    assert.deepEqual(asked(page), [`${MATCHING}c`]);
    assert.equal(ids(page), "a c");
    assert.equal(count(page), "2");
  });

  test("what does not belong is neither shown nor counted", async (t) => {
    const page = filtered(t, () => ({ json: { ids: [] } }));

    push(page, row("c", later));
    await page.clock.pass(50);

    assert.equal(ids(page), "a");
    assert.equal(count(page), "1");
    assert.equal(news(page), null);
    assert.deepEqual(page.announced, []);
  });

  test("several rows that come together are one question", async (t) => {
    const page = filtered(t, () => ({ json: { ids: ["d"] } }));

    push(page, row("c", later), row("d", { made: "20260302T0901" }));
    await page.clock.pass(50);

    assert.deepEqual(asked(page), [`${MATCHING}c&id=d`]);
    assert.equal(ids(page), "a d");
  });

  test("what was decided before the answer came is no news", async (t) => {
    const page = filtered(t, () => ({ json: { ids: [] } }));

    push(page, row("c", later));
    push(page, done("c", later));
    await page.clock.pass(50);

    assert.deepEqual(asked(page), []);
    assert.equal(ids(page), "a");
  });

  test("a row is exchanged in its place without a question", (t) => {
    const page = filtered(t, () => ({ status: 500 }));

    push(page, row("a", { version: 2, made: "20260302T0800" }));

    assert.deepEqual(asked(page), []);
    assert.equal(at(page, "a").dataset.version, "2");
  });

  test("what was decided while it was asked about is no news", async (t) => {
    const page = filtered(t, () => {
      push(page, done("c", later));
      return { json: { ids: ["c"] } };
    });

    push(page, row("c", later));
    await page.clock.pass(50);

    assert.equal(ids(page), "a");
    assert.equal(count(page), "1");
  });

  test("nothing comes in where no answer comes, and it is asked about again when it is told of again", async (t) => {
    const page = filtered(t, () => ({ status: 503 }));
    push(page, row("c", later));
    await page.clock.pass(50);
    assert.equal(ids(page), "a");

    page.answers = () => ({ json: { ids: ["c"] } });
    push(page, row("c", { ...later, version: 2 }));
    await page.clock.pass(50);

    assert.equal(ids(page), "a c");
  });

  test("an answer for a list that is gone puts nothing into the next one", async (t) => {
    const page = filtered(t, () => {
      page.find("#queue").outerHTML = queue(waiting("b"), { filtered: "" });
      return { json: { ids: ["c"] } };
    });

    push(page, row("c", later));
    await page.clock.pass(50);

    assert.equal(ids(page), "b");
  });
});

describe("What contradicts each other", () => {
  const says = (page, id) => !at(page, id).querySelector(".row-contradicts").hidden;

  test("says so on both rows as soon as one says it", (t) => {
    const page = desk(t, waiting("a", "b", "c"));

    push(page, row("b", { version: 2, contradicts: "a" }));

    assert.deepEqual(["a", "b", "c"].map((id) => says(page, id)), [true, true, false]);
    assert.equal(at(page, "a").dataset.contradicts, "b");
  });

  test("says so no more once one of them is decided", (t) => {
    const page = desk(t, [row("a", { contradicts: "b" }), row("b", { contradicts: "a" })]);

    push(page, done("b", { contradicts: "a" }));

    assert.equal(says(page, "a"), false);
  });

  test("says so still of another", (t) => {
    const page = desk(t, [row("a", { contradicts: "b c" }), row("b", { contradicts: "a" }), row("c", { contradicts: "a" })]);

    push(page, done("b"));

    assert.equal(says(page, "a"), true);
    assert.equal(at(page, "a").dataset.contradicts, "c");
  });

  test("is drawn again where it is open", async (t) => {
    const page = desk(t, waiting("a", "b"), { detail: proposal("a") });

    push(page, row("b", { version: 2, contradicts: "a" }));
    await page.pass(100);

    assert.deepEqual(page.drawn.map((it) => it.path), ["/queue/a/"]);
  });
});

test("What contradicts the open one is not drawn under somebody's words", async (t) => {
  const page = desk(t, waiting("a", "b"), { detail: proposal("a", { inside: PANEL }) });
  page.find("textarea").value = "Not our";

  push(page, row("b", { version: 2, contradicts: "a" }));
  await page.pass(1000);

  assert.equal(page.find("[data-changed]").hidden, false);
  assert.deepEqual(page.drawn, []);
});

describe("Who looks at a row", () => {
  const looking = (page, id) => {
    const mark = at(page, id).querySelector(".row-looking");
    return mark.hidden ? null : mark.textContent;
  };
  const look = (page, people) => push(page, `<i data-presence="a" data-looking='${people && JSON.stringify(people)}'></i>`);

  test("is named, and others are counted", (t) => {
    const page = desk(t, waiting("a"));

    look(page, [[8, "Ben"]]);
    assert.equal(looking(page, "a"), "Ben is looking");
    look(page, [[8, "Ben"], [9, "Cyd"], [10, "Dora"]]);
    assert.equal(looking(page, "a"), "Ben and 2 more look");
    look(page, "");

    assert.equal(looking(page, "a"), null);
  });

  test("is never oneself", (t) => {
    const page = desk(t, waiting("a"));

    look(page, [[7, "Ana"]]);
    assert.equal(looking(page, "a"), null);
    look(page, [[7, "Ana"], [8, "Ben"]]);

    assert.equal(looking(page, "a"), "Ben is looking");
  });

  test("is said of rows as they come", (t) => {
    const page = desk(t, [row("a", { looking: '[[7, "Ana"]]' }), row("b", { looking: '[[8, "Ben"]]' })]);

    assert.deepEqual([looking(page, "a"), looking(page, "b")], [null, "Ben is looking"]);
  });

  test("of a row that is not in the list is nobody's matter", (t) => {
    const page = desk(t, []);

    look(page, [[8, "Ben"]]);

    assert.equal(ids(page), "");
  });
});

describe("The open proposal", () => {
  const opened = (t, inside) => desk(t, waiting("a", "b"), { detail: proposal("a", { inside }) });
  const changed = (page) => !page.find("[data-changed]").hidden;

  test("is drawn again when it changed, several changes once", async (t) => {
    const page = opened(t);

    push(page, row("a", { version: 2 }));
    push(page, row("a", { version: 3 }));
    await page.pass(99);
    assert.deepEqual(page.drawn, []);
    await page.pass(1);

    assert.deepEqual(page.drawn, [{ verb: "GET", path: "/queue/a/", target: "#detail" }]);
    push(page, row("a", { version: 4 }));
    await page.pass(100);
    assert.equal(page.drawn.length, 2);
  });

  test("is left alone while another is on its way", async (t) => {
    const page = desk(t, waiting("a"), { detail: proposal("a") });
    page.find("#detail").className = "is-waiting is-opening";

    push(page, done("a"));
    await page.clock.pass(100);

    assert.deepEqual(page.drawn, []);
    assert.deepEqual(page.toasts, []);
  });

  test("is drawn again where it changed on its way", async (t) => {
    const page = desk(t, waiting("a", "b"), { detail: proposal("a") });
    const comes = (elt, version = 1) => {
      page.find("#detail").replaceChildren(page.fragment(proposal("b", { version })));
      page.tell("htmx:afterSwap", { target: page.find("#detail"), requestConfig: { elt } });
    };

    push(page, done("b"));
    comes(page.find("#proposal-b a"));
    await page.pass(100);
    comes(page.document.body); // not again and again
    await page.pass(100);
    comes(page.find("#proposal-b a"), 2);
    await page.pass(100);

    assert.deepEqual(page.drawn.map(({ path }) => path), ["/queue/b/"]);
    assert.deepEqual(page.toasts, ["Approved by Ben"]);
  });

  test("is drawn again for nobody where another was opened meanwhile", (t) => {
    const page = desk(t, waiting("a", "b"), { detail: proposal("b") });
    const swaps = (path, elt = page.document.body, target = page.find("#detail")) => {
      const detail = { target, requestConfig: { elt, path }, shouldSwap: true };
      page.tell("htmx:beforeSwap", detail);
      return detail.shouldSwap;
    };

    assert.equal(swaps("/queue/a/"), false);
    assert.equal(swaps("/queue/b/"), true);
    assert.equal(swaps("/queue/a/", page.find(".row-link")), true); // it is asked for
    assert.equal(swaps("/queue/undo/", page.document.body, page.find("#queue")), true);
  });

  test("is drawn again though its row is not in the list", async (t) => {
    const page = desk(t, [], { detail: proposal("a") });

    push(page, '<i id="detail-version" data-id="a" data-version="2"></i>');
    await page.pass(100);

    assert.equal(page.drawn.length, 1);
  });

  test("is not drawn again for what it shows already, nor for another", async (t) => {
    const page = opened(t);

    push(page, row("a", { version: 1 }), row("b", { version: 5 }));
    await page.pass(1000);

    assert.deepEqual(page.drawn, []);
  });

  test("is not drawn again where it has no page of its own", async (t) => {
    const page = desk(t, waiting("a"), { detail: proposal("a").replace('data-url="/queue/a/"', "") });

    push(page, row("a", { version: 2 }));
    await page.pass(100);

    assert.deepEqual(page.drawn, []);
  });

  test("is not drawn when another is open by then", async (t) => {
    const page = opened(t);

    push(page, row("a", { version: 2 }));
    page.find("#detail").replaceChildren(page.fragment(proposal("b")));
    await page.pass(100);

    assert.deepEqual(page.drawn, []);
  });

  test("is never drawn under somebody's words, but says that it changed", async (t) => {
    const page = opened(t, PANEL);
    page.find("textarea").value = "Not our";

    push(page, row("a", { version: 2 }));
    await page.pass(1000);

    assert.deepEqual(page.drawn, []);
    assert.equal(changed(page), true);
    page.click("[data-reload]");
    await page.pass(100);
    assert.equal(page.drawn.length, 1);
  });

  test("is drawn under a form that is open and empty", async (t) => {
    const page = opened(t, PANEL);
    page.find("textarea").value = "  ";

    push(page, row("a", { version: 2 }));
    await page.pass(100);

    assert.equal(page.drawn.length, 1);
  });

  test("takes no more verbs once it was decided elsewhere, and says who did", async (t) => {
    const page = opened(t, PANEL);
    page.find("textarea").value = "Not our";

    push(page, done("a"));
    await page.pass(100);

    assert.ok(page.find("[data-verb] button").closest("[inert]"));
    assert.equal(page.find("textarea").closest("[inert]"), null); // no letter is lost until it is drawn again
    assert.deepEqual(page.toasts, ["Approved by Ben"]);
    assert.deepEqual(page.announced, ["Approved by Ben: Refund a"]);
    assert.equal(page.drawn.length, 1);
  });

  test("takes nothing at all where nobody writes", (t) => {
    const page = opened(t, PANEL.replace(" open", ""));

    push(page, done("a"));

    assert.ok(page.find("#decision").hasAttribute("inert"));
  });

  test("keeps an edit to be read, though it was decided elsewhere", async (t) => {
    const page = opened(t, '<form id="edit" data-dirty></form>');

    push(page, done("a"));
    await page.pass(100);

    assert.deepEqual(page.toasts, ["Approved by Ben"]);
    assert.deepEqual(page.drawn, []);
  });

  test("is left to the answer of one's own decision", async (t) => {
    const page = opened(t, '<form data-verb="approve"></form>');
    page.find("[data-verb]").requestSubmit();

    push(page, done("a"));
    await page.pass(100);
    assert.deepEqual(page.toasts, []);
    assert.deepEqual(page.drawn, []);
    page.tell("htmx:afterRequest", { requestConfig: { elt: page.find("[data-verb]") } });
    push(page, row("a", { version: 3 }));
    await page.pass(100);

    assert.equal(page.drawn.length, 1);
  });

  test("is drawn again where a kill switch is thrown, and the list is read", async (t) => {
    const page = opened(t);
    serves(page, waiting("a", "b"));

    page.tell("page:halts");
    await page.pass(1500);

    assert.equal(page.drawn.length, 1);
    assert.deepEqual(asked(page), [LIST]);
  });
});

describe("What waits to be shown", () => {
  const withNews = (t) => {
    const page = desk(t, waiting("b"));
    push(page, row("a", { made: "20260302T0700" }));
    serves(page, waiting("a", "b"), { version: 12 });
    return page;
  };

  for (const [how, shows] of [
    ["its button", (page) => page.click("[data-new-count]")],
    ["the key", (page) => page.tell("desk:show-new")],
  ]) {
    test(`is shown with ${how}, in the server's order`, async (t) => {
      const page = withNews(t);

      shows(page);
      await answered();

      assert.equal(ids(page), "a b");
      assert.equal(news(page), null);
      assert.deepEqual(page.processed.at(-1), page.find("#queue"));
      assert.equal(page.focused, at(page, "a").querySelector("a"));
      assert.deepEqual(page.requests.at(-1).headers, { "HX-Request": "true", "HX-Target": "queue" });
    });
  }

  test("is known then: nobody asks for it again", async (t) => {
    const page = withNews(t);
    page.events.length = 0;

    page.tell("desk:show-new");
    await answered();
    assert.deepEqual(page.events.slice(-1), ["desk:rows"]); // the others mark the new rows
    page.window.htmx.createWebSocket("/ws/queue/?seen=1");
    assert.match(page.sockets.at(-1).address, /since=12$/);
    await page.pass(15_000);

    assert.deepEqual(asked(page), [LIST, VERSION]);
  });

  test("is not asked for where nothing waits", async (t) => {
    const page = desk(t, waiting("a"));

    page.tell("desk:show-new");
    await answered();

    assert.deepEqual(page.requests, []);
  });

  test("stays counted where the list can't be read", async (t) => {
    const page = withNews(t);
    page.answers = () => ({ status: 503 });

    page.tell("desk:show-new");
    await answered();

    assert.deepEqual(page.toasts, ["The list can't be read right now."]);
    assert.equal(news(page), "1 new Refund a");
  });

  test("stays counted when something else is drawn", (t) => {
    const page = withNews(t);

    page.tell("htmx:afterSwap", { target: page.find("#detail"), requestConfig: { elt: page.find("#rows a") } });

    assert.equal(news(page), "1 new Refund a");
  });

  test("is none in another list that a filter brought", (t) => {
    const page = withNews(t);

    page.find("#queue").replaceWith(page.fragment(queue(waiting("a", "b"))));
    page.tell("htmx:afterSwap", { target: page.find("#queue") });

    assert.equal(news(page), null);
    assert.equal(page.announced.at(-1), "2 waiting");
  });
});

test("A menu that brought another list has the focus again", (t) => {
  const page = desk(t, waiting("a"));
  page.click("#by-age");

  page.find("#queue").replaceWith(page.fragment(queue(waiting("a"))));
  page.tell("htmx:afterSwap", { target: page.find("#queue") });

  assert.equal(page.focused, page.find("#order-menu summary"));
});

test("A decision goes on in the list as it is filtered then", (t) => {
  const page = desk(t, [], { detail: '<form data-verb="approve"></form>', url: "https://desk.example/queue/?risk=high" });
  const detail = { elt: page.find("[data-verb]"), path: "/queue/a/approve/?team=finance" };
  const other = { elt: page.find("#queue"), path: "/queue/?team=finance" };

  page.tell("htmx:configRequest", detail);
  page.tell("htmx:configRequest", other);

  assert.equal(detail.path, "/queue/a/approve/?risk=high");
  assert.equal(other.path, "/queue/?team=finance");
});

test("A list of which nothing waits any more is the server's list, without being asked", async (t) => {
  const page = desk(t, [done("a")], { list: { more: "true" } });
  serves(page, waiting("b", "c"));

  page.tell("desk:ran-out");
  await answered();

  assert.equal(ids(page), "b c");
});

describe("Every fifteen seconds", () => {
  test("only the version is asked for, while it is the one that is known", async (t) => {
    const page = desk(t, waiting("a"));

    await page.pass(14_999);
    assert.deepEqual(asked(page), []);
    await page.pass(15_001);

    assert.deepEqual(asked(page), [VERSION, VERSION]);
  });

  test("the list is compared where a push was lost, and no row moves", async (t) => {
    const page = desk(t, waiting("b", "c"), { list: { version: 10 } });
    serves(page, [row("a", { made: "20260302T0700" }), ...waiting("b"), row("d", { made: "20260302T0900" })], { version: 11, count: 3 });

    await page.pass(15_000);

    assert.equal(ids(page), "b c d");
    assert.equal(news(page), "1 new Refund a");
    assert.deepEqual(page.all(".is-gone"), [at(page, "c")]);
    assert.equal(at(page, "c").querySelector(".row-when").textContent, "no longer waiting");
    assert.equal(count(page), "3");
    await page.pass(15_000);
    assert.deepEqual(asked(page), [VERSION, LIST, VERSION]);
  });

  test("a row that is gone from the view comes back as it was pushed", async (t) => {
    const page = desk(t, waiting("a", "b"), { list: { filtered: "" } });
    serves(page, waiting("a"), { version: 11, filtered: "" });

    await page.pass(15_000);
    assert.equal(at(page, "b").querySelector(".row-when").textContent, "not in this view");
    push(page, row("b", { version: 2 }));

    assert.ok(!at(page, "b").classList.contains("is-gone"));
  });

  test("what is on the next page is neither gone nor new", async (t) => {
    const page = desk(t, waiting("a", "b", "c"), { list: { more: "true" } });
    serves(page, waiting("a", "b"), { version: 11, more: "true" });

    await page.pass(15_000);
    assert.ok(!at(page, "c").classList.contains("is-gone"));
    serves(page, [...waiting("a", "b", "c"), row("d", { made: "20260302T0900" })], { version: 12, more: "true" });
    await page.pass(15_000);

    assert.equal(ids(page), "a b c");
    assert.equal(news(page), null);
  });

  test("the open one is drawn again where it is gone", async (t) => {
    const page = desk(t, waiting("a", "b"), { detail: proposal("b") });
    at(page, "b").querySelector("a").setAttribute("aria-current", "true");
    serves(page, waiting("a"), { version: 11 });

    await page.pass(15_100);

    assert.deepEqual(page.drawn.map((it) => it.path), ["/queue/b/"]);
  });

  test("nothing is asked while the page is hidden, and at once when it is seen again", async (t) => {
    const page = desk(t, waiting("a"));

    page.hide();
    await page.pass(60_000);
    assert.deepEqual(asked(page), []);
    page.show();

    assert.deepEqual(asked(page), [VERSION]);
  });
});

describe("After one's own decision", () => {
  test("the list is compared where no socket tells of it", async (t) => {
    const page = desk(t, waiting("a"));
    serves(page, waiting("a"));

    page.tell("desk:decided", { refused: false });
    await answered();
    assert.deepEqual(asked(page), [LIST]);
    page.tell("htmx:wsOpen");
    page.tell("desk:decided", { refused: false });
    await answered();
    assert.deepEqual(asked(page), [LIST]);
    page.tell("desk:decided", { refused: true });

    assert.deepEqual(asked(page), [LIST, LIST]);
  });
});

describe("The socket", () => {
  const closes = (page, code, wrapper) => page.tell("htmx:wsClose", { event: { code }, socketWrapper: wrapper });
  const comesBackWith = (page) => {
    page.window.htmx.createWebSocket("/ws/queue/?seen=1");
    return page.sockets.at(-1).address;
  };
  const synced = (version) => `<i id="queue-version" data-version="${version}" data-synced></i>`;
  const version = (number) => `<i id="queue-version" data-version="${number}"></i>`;

  test("is live once it is open, and says so", (t) => {
    const page = desk(t, []);
    assert.equal(state(page), "Reconnecting");

    page.tell("htmx:wsOpen");
    assert.equal(state(page), "Live");
    closes(page, 1006);

    assert.equal(state(page), "Reconnecting");
  });

  test("says up to which version it was told when it comes back", (t) => {
    const page = desk(t, []);
    assert.equal(comesBackWith(page), "/ws/queue/?seen=1&since=10");

    push(page, synced("11/a"));

    assert.equal(comesBackWith(page), "/ws/queue/?seen=1&since=11%2Fa");
  });

  test("is believed only once it has told all that was missed", async (t) => {
    const page = desk(t, []);
    page.tell("htmx:wsOpen");

    push(page, version(12));
    assert.match(comesBackWith(page), /since=10$/);
    push(page, synced(12));
    push(page, version(13));

    assert.match(comesBackWith(page), /since=13$/);
  });

  test("is not believed after a gap", (t) => {
    const page = desk(t, []);
    push(page, synced(12));

    closes(page, 1006);
    page.tell("htmx:wsOpen");
    push(page, version(15));

    assert.match(comesBackWith(page), /since=12$/);
  });

  test("is believed again when the list was the newest all along", async (t) => {
    const page = desk(t, []);
    page.tell("htmx:wsOpen");

    await page.pass(15_000);
    push(page, version(11));

    assert.match(comesBackWith(page), /since=11$/);
  });

  test("says when so much changed that the list is cheaper", async (t) => {
    const page = desk(t, waiting("a"));
    serves(page, waiting("a", "b"), { version: 20 });

    push(page, '<i id="resync"></i>');
    await page.pass(1499);
    assert.deepEqual(asked(page), []);
    await page.pass(1);

    assert.equal(ids(page), "a b");
  });

  for (const code of [1006, 1011, 1012, 1013]) {
    test(`comes back by itself after ${code}`, async (t) => {
      const page = desk(t, []);
      let tries = 0;

      closes(page, code, { reconnect: () => tries++ });
      await page.pass(60_000);

      assert.equal(tries, 0);
    });
  }

  for (const [code, wait, told] of [
    [1000, 2000, []],
    [4403, 16_000, []],
    [4401, 16_000, ["page:signed-out"]],
  ]) {
    test(`is asked for again after ${code}, in ${wait} milliseconds`, async (t) => {
      const page = desk(t, []);
      page.events.length = 0;
      page.answers = () => ({ json: { version: 10 } });
      let tries = 0;

      closes(page, code, { reconnect: () => tries++ });
      assert.deepEqual(page.events, told);
      await page.pass(wait - 1);
      assert.equal(tries, 0);
      await page.pass(1);

      assert.equal(tries, 1);
    });
  }

  test("waits longer with every try, but never more than ten seconds", (t) => {
    const delay = desk(t, []).window.htmx.config.wsReconnectDelay;

    assert.deepEqual([0, 1, 2, 3, 4, 5, 9].map(delay), [375, 750, 1500, 3000, 6000, 7500, 7500]);
  });

  test("brings the banner and the bell too", (t) => {
    const page = desk(t, []);
    page.events.length = 0;

    push(page, '<div id="banner"></div>', '<i id="bell-news"></i>');

    assert.deepEqual(page.events, ["page:banner", "page:bell", "desk:rows"]);
  });

  test("leaves nothing for htmx to put anywhere", (t) => {
    const page = desk(t, []);

    assert.equal(push(page, row("a")), false);
  });
});

describe("Without a connection", () => {
  test("the page says so, and looks again when there is one", async (t) => {
    const page = desk(t, waiting("a"));

    page.offline = true;
    page.fire(page.window, "offline");
    assert.equal(state(page), "Offline");
    page.offline = false;
    page.fire(page.window, "online");
    await page.pass(4999);
    assert.deepEqual(asked(page), []);
    await page.pass(1);

    assert.deepEqual(asked(page), [VERSION]);
    assert.equal(state(page), "Reconnecting");
  });

  test("a socket that outlived the loss is looked at as soon as there is one, and more may be fetched ahead", async (t) => {
    const page = desk(t, waiting("a"));
    const lived = [];
    page.document.addEventListener("desk:live", () => lived.push(state(page)));
    page.tell("htmx:wsOpen");

    page.fire(page.window, "offline");
    page.fire(page.window, "online");
    await page.pass(0);

    assert.deepEqual(asked(page), [VERSION]);
    assert.deepEqual(lived, ["Live", "Live"]);
  });

  test("a socket that is back before makes that needless", async (t) => {
    const page = desk(t, waiting("a"));

    page.fire(page.window, "online");
    page.tell("htmx:wsOpen");
    await page.pass(5000);

    assert.deepEqual(asked(page), []);
  });

  test("what the server can't answer leaves the list as it is", async (t) => {
    const page = desk(t, waiting("a"));
    page.answers = () => ({ status: 502 });

    await page.pass(15_000);

    assert.equal(state(page), "Offline");
    assert.equal(ids(page), "a");
  });

  test("the log-in page is no list", async (t) => {
    const page = desk(t, waiting("a"));
    page.answers = ({ url }) => (url.includes("version") ? { json: { version: 11 } } : { redirected: true, text: "<h1>Log in</h1>" });

    await page.pass(15_000);

    assert.equal(state(page), "Offline");
    assert.equal(ids(page), "a");
  });
});
