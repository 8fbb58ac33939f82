import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { answered, later, open } from "../../page.js";

const SOON = 80;
const KEPT_FOR = 60_000;

const row = (id, { status = "pending", version = 1, contradicts = "", current = false, away = "" } = {}) =>
  `<li class="row" id="proposal-${id}" data-status="${status}" data-version="${version}" data-contradicts="${contradicts}"${away}>
   <a class="row-link" href="/queue/${id}/?risk=high"${current ? ' aria-current="true"' : ""}>${id}</a></li>`;
const panel = (id) => `<article id="proposal" data-id="${id}"><form data-verb="reject"></form></article>`;
const addressOf = (id) => `/queue/${id}/?risk=high`;
const ROWS = row("a", { current: true }) + row("b") + row("c") + row("d");

/** A desk at which somebody has begun to read. */
async function desk(t, { rows = ROWS, state = "live", answers = ({ url }) => ({ text: panel(url.split("/")[2]) }) } = {}) {
  const html = `<body><p id="live-status" data-state="${state}"></p><ol id="rows">${rows}</ol><section id="detail">${panel("a")}</section></body>`;
  const before = (page) => (page.answers = answers);
  const page = open(t, html, "approvals/desk/ahead.js", { before, url: "https://desk.example/queue/a/?risk=high" });
  page.tell("desk:live");
  await page.pass(SOON);
  return page;
}
const asked = (page) => page.requests.map((it) => it.url.split("/")[2]).join(" ");
const kept = (page) => page.all("[data-kept]").map((it) => it.textContent.trim()).join(" ");
const shown = (page) => page.find("#detail article")?.dataset.id;
const exchange = (page, id, how) => {
  page.find(`#proposal-${id}`).replaceWith(page.fragment(row(id, how)));
  page.tell("desk:rows");
};

/** htmx is about to ask for it: says whether it still does. */
const opens = (page, id, target = page.find("#detail")) =>
  page.fire(`#proposal-${id} a`, "htmx:beforeRequest", { detail: { elt: page.find(`#proposal-${id} a`), target, pathInfo: { requestPath: addressOf(id) } } });

/** It is on the screen, and its row says so. */
function isRead(page, id) {
  page.find("[aria-current]")?.removeAttribute("aria-current");
  page.find(`#proposal-${id} a`).setAttribute("aria-current", "true");
  page.tell("htmx:afterSettle", { target: page.find("#detail") });
}

describe("While somebody reads", () => {
  test("the next two that wait are asked for, as parts of a page", async (t) => {
    const page = await desk(t, { rows: row("a", { current: true }) + row("b", { status: "decided" }) + row("c", { away: ' data-away="reject"' }) + row("d") + row("e") + row("f") });

    assert.equal(asked(page), "d e");
    assert.equal(kept(page), "d e");
    const [{ url, headers }] = page.requests;
    assert.equal(url, addressOf("d"));
    assert.deepEqual(headers, { "HX-Request": "true", "HX-Target": "detail", "HX-Current-URL": "https://desk.example/queue/a/?risk=high" });
  });

  test("the first two are, where none is open", async (t) => {
    assert.equal(asked(await desk(t, { rows: row("a") + row("b") + row("c") })), "a b");
  });

  test("each is asked for once, and one more as one goes on", async (t) => {
    const page = await desk(t);

    page.tell("desk:rows");
    await page.pass(SOON);
    assert.equal(asked(page), "b c");
    isRead(page, "b");
    await page.pass(SOON);

    assert.equal(asked(page), "b c d");
    assert.equal(kept(page), "c d");
  });

  test("nothing is while the page is hidden, is told of nothing, or waits for what was asked for", async (t) => {
    assert.equal(asked(await desk(t, { state: "reconnecting" })), "");
    const page = await desk(t, { state: "reconnecting" });
    page.find("#live-status").dataset.state = "live";

    page.hide();
    await page.pass(SOON);
    page.find("#detail").className = "is-waiting";
    page.show();
    await page.pass(SOON);
    assert.equal(asked(page), "");
    page.find("#detail").className = "";
    page.tell("htmx:afterRequest", { target: page.find("#detail"), successful: false });
    await page.pass(SOON);

    assert.equal(asked(page), "b c");
  });

  for (const [what, answer] of [
    ["a refusal", { status: 404, text: panel("b") }],
    ["another page", { redirected: true, text: panel("b") }],
    ["a way to another page", { text: "", says: { "HX-Redirect": "/queue/second/1/" } }],
  ]) {
    test(`${what} is not kept`, async (t) => {
      assert.equal(kept(await desk(t, { answers: () => answer })), "");
    });
  }

  test("what can't be reached is asked for when it is opened", async (t) => {
    const page = await desk(t, { answers: () => Promise.reject(new TypeError("no network")) });

    assert.equal(kept(page), "");
    assert.equal(opens(page, "b"), true);
  });

  test("what this person has answered already is marked", async (t) => {
    const page = await desk(t, { answers: ({ url }) => ({ text: url.includes("/b/") ? "<article>Waits for others</article>" : panel("c") }) });

    assert.deepEqual(page.all("[data-answered]"), [page.find("#proposal-b")]);
  });
});

describe("What was fetched ahead", () => {
  test("shows in the moment in which it is opened, as if it had come now", async (t) => {
    const page = await desk(t);
    const heard = [];
    for (const type of ["htmx:beforeRequest", "htmx:beforeSwap", "htmx:afterSwap"]) {
      page.document.addEventListener(type, ({ detail }) => heard.push(`${type} ${detail.elt.textContent}`));
    }

    assert.equal(opens(page, "b"), false);

    assert.equal(shown(page), "b");
    assert.deepEqual(heard, ["htmx:beforeSwap b", "htmx:afterSwap b"]); // nobody waits for it
    assert.equal(page.window.location.href, `https://desk.example${addressOf("b")}`);
    assert.equal(page.window.history.state.htmx, true);
    assert.equal(asked(page), "b c");
  });

  test("shows once: later it is what the server says then", async (t) => {
    const page = await desk(t);
    opens(page, "b");

    assert.equal(opens(page, "b"), true);
  });

  test("is asked for when another is opened, or something else", async (t) => {
    const page = await desk(t);

    assert.equal(opens(page, "d"), true);
    assert.equal(opens(page, "b", page.find("#rows")), true);
    assert.equal(shown(page), "a");
  });

  for (const [what, how] of [
    ["changed", { version: 2 }],
    ["is contradicted by another", { contradicts: "x" }],
  ]) {
    test(`is thrown away when it ${what}, and fetched anew`, async (t) => {
      const page = await desk(t);

      exchange(page, "b", how);
      assert.equal(opens(page, "b"), true); // at once, before anything was fetched
      await page.pass(SOON);

      assert.equal(asked(page), "b c b");
      assert.equal(opens(page, "b"), false);
    });
  }

  test("is not what changed while it was on its way", async (t) => {
    const { answer, comes } = later();
    const page = await desk(t, { answers: ({ url }) => (url.includes("/b/") ? answer : { text: panel("c") }) });

    exchange(page, "b", { version: 2 });
    comes({ text: panel("b") });
    await answered();

    assert.equal(opens(page, "b"), true);
  });

  test("is not used where the page is told of nothing", async (t) => {
    const page = await desk(t);

    page.find("#live-status").dataset.state = "reconnecting";

    assert.equal(opens(page, "b"), true);
  });

  test("is not used once it is old, and renewed by who is still there", async (t) => {
    const page = await desk(t);

    await page.pass(KEPT_FOR);
    assert.equal(opens(page, "b"), true);
    assert.equal(asked(page), "b c"); // nobody is there
    page.fire(page.document, "pointermove");
    await page.pass(SOON);

    assert.equal(asked(page), "b c b c");
    assert.equal(opens(page, "b"), false);
  });

  for (const news of ["page:halts", "page:signed-out"]) {
    test(`is thrown away by ${news}`, async (t) => {
      const page = await desk(t);

      page.tell(news);
      assert.equal(opens(page, "b"), true);
      await page.pass(SOON);

      assert.equal(asked(page), "b c b c");
    });
  }

  test("is called off where one goes elsewhere", async (t) => {
    const page = await desk(t, { rows: ROWS + row("e") + row("f"), answers: () => new Promise(() => {}) });

    isRead(page, "d");
    await page.pass(SOON);

    assert.equal(asked(page), "b c e f");
    assert.deepEqual(page.requests.map(({ signal }) => signal.aborted), [true, true, false, false]);
  });
});
