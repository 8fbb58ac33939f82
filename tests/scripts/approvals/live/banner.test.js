import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { answered, open } from "../../page.js";

const banner = (version, ...halts) =>
  `<div id="banner" data-version="${version}"${halts.length ? "" : " hidden"}>${halts.map((it) => `<p class="halt">${it}</p>`).join("")}</div>`;
const NEWS = '<i id="bell-news" data-unread="1" data-shown="1"></i>';
const QUEUE = '<div ws-connect="/ws/queue/"></div>';

const drawn = (t, html = banner(1), more = {}) => open(t, `<body>${html}</body>`, "approvals/live/banner.js", more);
const socket = (page, number = -1) => page.sockets.at(number);
const opens = (page) => page.fire(socket(page), "open");
const closes = (page, code = 1006) => socket(page).dispatchEvent(Object.assign(new page.window.Event("close"), { code }));
const brings = (page, data) => socket(page).dispatchEvent(Object.assign(new page.window.Event("message"), { data }));
const halts = (page) => page.all(".halt").map((it) => it.textContent);
const isTold = (page) => "told" in page.find("#banner").dataset;

describe("A kill switch", () => {
  test("is on the page as soon as the socket says so", (t) => {
    const page = drawn(t);
    opens(page);

    brings(page, banner(2, "Refunds are stopped"));

    assert.deepEqual(halts(page), ["Refunds are stopped"]);
    assert.equal(page.find("#banner").hidden, false);
    assert.deepEqual(page.events, ["page:halts"]);
  });

  test("goes when it is lifted", (t) => {
    const page = drawn(t, banner(1, "Refunds are stopped"));

    brings(page, banner(2));

    assert.deepEqual(halts(page), []);
    assert.equal(page.find("#banner").hidden, true);
    assert.deepEqual(page.events, ["page:halts"]);
  });

  test("is no news where the version is the one that is shown", (t) => {
    const page = drawn(t, banner(4, "Refunds are stopped"));
    const before = page.find(".halt");

    brings(page, banner(4, "Refunds are stopped"));

    assert.equal(page.find(".halt"), before);
    assert.deepEqual(page.events, []);
  });

  test("that is the same is drawn, but troubles no list", (t) => {
    const page = drawn(t, banner(4, "Refunds are stopped"));

    brings(page, banner(5, "Refunds are stopped"));

    assert.equal(page.find("#banner").dataset.version, "5");
    assert.deepEqual(page.events, []);
  });

  test("stays in the region that is read aloud", (t) => {
    const page = drawn(t);
    const region = page.find("#banner");

    brings(page, banner(2, "Refunds are stopped"));

    assert.equal(page.find("#banner"), region);
  });

  test("is told by the socket of the queue where there is one", (t) => {
    const page = drawn(t, banner(1) + QUEUE);
    assert.deepEqual(page.sockets, []);

    page.tell("page:banner", { banner: page.fragment(banner(2, "Refunds are stopped")) });

    assert.deepEqual(halts(page), ["Refunds are stopped"]);
  });
});

test("News of the bell come along", (t) => {
  const page = drawn(t);

  brings(page, NEWS);

  assert.deepEqual(page.events, ["page:bell"]);
});

describe("The socket", () => {
  test("says which version is shown, on the same host", (t) => {
    assert.equal(socket(drawn(t, banner(7))).address, "wss://desk.example/ws/notices/?seen=7");
    assert.equal(socket(drawn(t, banner(7), { url: "http://127.0.0.1:8000/audit/" })).address, "ws://127.0.0.1:8000/ws/notices/?seen=7");
  });

  test("marks the page as told while it is open", (t) => {
    const page = drawn(t);
    assert.equal(isTold(page), false);

    opens(page);
    assert.equal(isTold(page), true);
    closes(page);

    assert.equal(isTold(page), false);
  });

  test("comes back, each time later, but never more than ten seconds", async (t) => {
    const page = drawn(t); // chance is one half here, and makes three quarters of each wait
    const waited = [];
    for (let tries = 0; tries < 7; tries++) {
      closes(page);
      const before = page.clock.now;
      const sockets = page.sockets.length;
      while (page.sockets.length === sockets) await page.pass(125);
      waited.push(page.clock.now - before);
    }

    assert.deepEqual(waited, [375, 750, 1500, 3000, 6000, 7500, 7500]);
  });

  test("comes back soon after it was open", async (t) => {
    const page = drawn(t);
    for (let tries = 0; tries < 5; tries++) {
      closes(page);
      await page.pass(10_000);
    }

    opens(page);
    closes(page);
    await page.pass(375);

    assert.equal(page.sockets.length, 7);
  });

  test("asks with the version that came meanwhile", async (t) => {
    const page = drawn(t);

    brings(page, banner(9, "Refunds are stopped"));
    closes(page);
    await page.pass(1000);

    assert.match(socket(page).address, /seen=9$/);
  });

  test("does not come back to who was signed out", async (t) => {
    const page = drawn(t);

    closes(page, 4401);
    await page.pass(60_000);

    assert.deepEqual(page.events, ["page:signed-out"]);
    assert.equal(page.sockets.length, 1);
  });

  test("is the one that the page names, and tells it when it has news", (t) => {
    const page = drawn(t, `${banner(1)}<header data-socket="/ws/executions/?of=7"></header>`);
    const open = [];
    page.document.addEventListener("page:socket", ({ detail }) => open.push(detail.open));
    assert.equal(socket(page).address, "wss://desk.example/ws/executions/?of=7&seen=1");

    opens(page);
    brings(page, '<div id="resync"></div>');
    closes(page);

    assert.deepEqual(page.events, ["page:resync"]);
    assert.deepEqual(open, [true, false]);
  });

  test("is for notices alone where the page's own turns somebody away", async (t) => {
    const page = drawn(t, `${banner(1)}<header data-socket="/ws/executions/"></header>`);

    closes(page, 4403);
    await page.pass(1000);

    assert.equal(socket(page).address, "wss://desk.example/ws/notices/?seen=1");
  });

  test("of the queue marks the page as told too", (t) => {
    const page = drawn(t, banner(1) + QUEUE);

    page.tell("htmx:wsOpen");
    assert.equal(isTold(page), true);
    page.tell("htmx:wsClose");

    assert.equal(isTold(page), false);
  });
});

describe("Without a socket", () => {
  test("the page asks every fifteen seconds", async (t) => {
    const page = drawn(t);
    page.answers = () => ({ text: banner(2, "Refunds are stopped") + NEWS });

    await page.pass(14_999);
    assert.deepEqual(page.requests, []);
    await page.pass(1);

    assert.deepEqual(page.requests.map((it) => it.url), ["/notices/"]);
    assert.deepEqual(halts(page), ["Refunds are stopped"]);
    assert.deepEqual(page.events, ["page:bell", "page:halts"]);
  });

  test("it asks nothing while it is told, or hidden", async (t) => {
    const page = drawn(t);

    opens(page);
    await page.pass(30_000);
    page.find("#banner").removeAttribute("data-told");
    page.hide();
    await page.pass(30_000);

    assert.deepEqual(page.requests, []);
  });

  for (const [what, answers] of [
    ["a failure", () => ({ status: 503, text: banner(2, "Wrong") })],
    ["the log-in page", () => ({ redirected: true, text: banner(2, "Wrong") })],
    ["an answer without a banner", () => ({ text: "<p>Sorry</p>" })],
    ["no answer", () => Promise.reject(new Error("no connection"))],
  ]) {
    test(`${what} changes nothing`, async (t) => {
      const page = drawn(t, banner(1, "Refunds are stopped"));
      page.answers = answers;

      await page.pass(15_000);

      assert.equal(page.requests.length, 1);
      assert.deepEqual(halts(page), ["Refunds are stopped"]);
    });
  }
});

test("A page without a banner opens no socket and asks nothing", async (t) => {
  const page = drawn(t, "<p>Log in</p>");

  await page.pass(60_000);
  await answered();

  assert.deepEqual(page.sockets, []);
  assert.deepEqual(page.requests, []);
});
