import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { answered, open } from "../../page.js";

const end = (name) => `<span class="end" data-seen="${name}"></span>`;
const long = (name) =>
  `<div class="arg"><details class="long" id="fold-${name}"><summary>Show all</summary></details><div class="long-value">A letter ${end(name)}</div></div>`;
const card = (rank, parts, chosen) =>
  `<div class="suggestion" data-rank="${rank}"><input class="suggestion-radio" type="radio" name="s" data-rank="${rank}"${chosen ? " checked" : ""}>${parts}</div>`;
const verb = (rank) =>
  `<form class="verb-approve" data-verb="approve" data-rank="${rank}"><noscript><input name="shown" value="all"></noscript>
   <input type="hidden" name="action_digest" value="digest-${rank}"><button class="button-approve"><span class="verb-text">Approve</span></button></form>`;

const LETTER = end("table-1") + long("letter");
const proposal = (id, first = LETTER) =>
  `<article id="proposal" data-id="${id}" data-look-url="/queue/${id}/look/">${card(1, first, true)}${card(2, end("table-2"), false)}
   ${verb(1)}${verb(2)}<p data-present> Ben </p></article>`;

function desk(t, inside = proposal("p1"), more = {}) {
  const before = (page) => {
    page.answers = () => ({ text: "" });
    more.before?.(page);
  };
  const html = `<body hx-headers='{"X-CSRFToken": "token"}'><ol id="rows"></ol><section id="detail">${inside}</section></body>`;
  return open(t, html, "approvals/attention/seen.js", { before });
}
const part = (page, name) => page.find(`[data-seen="${name}"]`);
const formOf = (page, rank) => page.find(`form[data-rank="${rank}"]`);
const vouched = (page, rank = 1) => formOf(page, rank).querySelector("input[name=shown][type=hidden]").value;
const button = (page, rank = 1) => {
  const note = formOf(page, rank).querySelector(".verb-unseen");
  return note && !note.hidden ? note.textContent : null;
};
const sees = (page, ...names) => page.sees(...names.map((name) => part(page, name)));
const draw = (page, html) => {
  page.find("#detail").replaceChildren(page.fragment(html));
  page.tell("htmx:afterSwap", { target: page.find("#detail") });
};
const beats = (page) => page.requests.map(({ url, body }) => ({ url, ...Object.fromEntries(body) }));

describe("What counts as seen", () => {
  test("is nothing that was not on the screen, and the button says how much that is", (t) => {
    const page = desk(t);

    assert.equal(button(page), "2 parts not seen yet · show next");
    assert.equal(vouched(page), "");
    assert.ok(page.find(".button-approve").classList.contains("is-unseen"));
  });

  test("is what came on the screen", (t) => {
    const page = desk(t);

    sees(page, "table-1");

    assert.equal(button(page), "1 part not seen yet · show next");
    assert.equal(vouched(page), "");
  });

  test("is all, once it was unfolded and passed by, and the page vouches for it", (t) => {
    const page = desk(t);

    sees(page, "table-1");
    page.glances.length = 0;
    page.fold("#fold-letter");
    assert.ok(page.glances.includes(part(page, "letter")));
    sees(page, "letter");

    assert.equal(button(page), null);
    assert.equal(vouched(page), "digest-1");
    assert.ok(!page.find(".button-approve").classList.contains("is-unseen"));
  });

  test("is not what is folded, though its place is on the screen", (t) => {
    const page = desk(t);

    sees(page, "table-1", "letter");

    assert.equal(button(page), "1 part not seen yet · show next");
    assert.ok(page.watches(part(page, "letter")));
    assert.ok(!page.watches(part(page, "table-1")));
  });

  test("is nothing while the page is hidden", (t) => {
    const page = desk(t);

    page.hide();
    sees(page, "table-1");
    assert.equal(button(page), "2 parts not seen yet · show next");
    page.glances.length = 0;
    page.show();
    assert.ok(page.glances.includes(part(page, "table-1"))); // it may be on the screen still, which nobody tells twice
    sees(page, "table-1");

    assert.equal(button(page), "1 part not seen yet · show next");
  });

  test("is nothing that was drawn over before the browser told of it", (t) => {
    const page = desk(t);
    const old = part(page, "table-1");

    page.find(".suggestion").remove();
    page.sees(old);
    draw(page, proposal("p1"));

    assert.equal(button(page), "2 parts not seen yet · show next");
  });

  test("stays seen when the same item is drawn again", (t) => {
    const page = desk(t);
    sees(page, "table-1");

    draw(page, proposal("p1"));

    assert.equal(button(page), "1 part not seen yet · show next");
  });

  test("is counted anew for another item", (t) => {
    const page = desk(t);
    sees(page, "table-1");

    draw(page, proposal("p2"));

    assert.equal(button(page), "2 parts not seen yet · show next");
  });

  test("is counted anew for the same item with other content", (t) => {
    const page = desk(t);
    sees(page, "table-1");

    draw(page, proposal("p1").replaceAll("digest-1", "digest-of-an-edit"));

    assert.equal(button(page), "2 parts not seen yet · show next");
  });

  test("is counted for each suggestion by itself", (t) => {
    const page = desk(t);

    sees(page, "table-2");

    assert.equal(button(page, 2), null);
    assert.equal(vouched(page, 2), "digest-2");
    assert.equal(button(page, 1), "2 parts not seen yet · show next");
  });

  test("is told by the page alone: what stands there without scripts is gone", (t) => {
    assert.equal(desk(t).find("noscript"), null);
  });

  test("of a suggestion that nobody may approve is nobody's matter", (t) => {
    const page = desk(t, `<article id="proposal" data-id="p1">${card(1, LETTER, true)}</article>`);

    sees(page, "table-1");

    assert.ok(page.watches(part(page, "table-1")));
    assert.deepEqual(page.requests, []);
  });
});

describe("Approving", () => {
  const approve = (page, rank = 1) => formOf(page, rank).requestSubmit();

  test("what was not all seen shows the next part instead", (t) => {
    const page = desk(t);

    approve(page);

    assert.deepEqual(page.sent, []);
    assert.deepEqual(page.scrolledTo, [part(page, "table-1")]);
  });

  test("unfolds what is folded, and leads to its beginning", (t) => {
    const page = desk(t);
    sees(page, "table-1");

    approve(page);

    assert.deepEqual(page.sent, []);
    assert.equal(page.find("#fold-letter").open, true);
    assert.deepEqual(page.scrolledTo, [page.find(".arg")]);
  });

  test("leads to the end of what is unfolded and short", (t) => {
    const page = desk(t);
    sees(page, "table-1");
    page.fold("#fold-letter");

    approve(page);

    assert.deepEqual(page.scrolledTo, [part(page, "letter")]);
  });

  test("goes on page by page through what is long", (t) => {
    const page = desk(t);
    const by = [];
    page.document.documentElement.scrollBy = ({ top }) => by.push(top);
    Object.defineProperty(page.document, "scrollingElement", { value: page.document.documentElement });
    sees(page, "table-1");
    page.fold("#fold-letter");
    part(page, "letter").getBoundingClientRect = () => ({ top: 9000, left: 0, height: 1 });

    approve(page);

    assert.deepEqual(by, [0.85 * page.window.innerHeight]);
    assert.deepEqual(page.scrolledTo, []);
  });

  test("what was all seen is sent", (t) => {
    const page = desk(t);
    sees(page, "table-1");
    page.fold("#fold-letter");
    sees(page, "letter");

    approve(page);

    assert.deepEqual(page.sent, [formOf(page, 1)]);
  });

  test("counts what is on the screen though the browser has not told of it yet", (t) => {
    const page = desk(t, proposal("p1", end("table-1")));
    part(page, "table-1").getBoundingClientRect = () => ({ top: 100, left: 10, height: 1 });
    page.document.elementFromPoint = (x, y) => (x === 11 && y === 100 ? page.find(".suggestion") : null);

    approve(page);

    assert.deepEqual(page.sent, [formOf(page, 1)]);
    assert.equal(vouched(page), "digest-1");
  });

  for (const [where, top, covered] of [
    ["above the screen", -1, false],
    ["under the bar of verbs", 768 - 64, false],
    ["behind something else", 100, true],
  ]) {
    test(`counts nothing that is ${where}`, (t) => {
      const page = desk(t, proposal("p1", end("table-1")));
      part(page, "table-1").getBoundingClientRect = () => ({ top, left: 10, height: 1 });
      page.document.elementFromPoint = () => (covered ? page.find("#rows") : page.find(".suggestion"));

      approve(page);

      assert.deepEqual(page.sent, []);
    });
  }

  test("another suggestion asks for what belongs to that one", (t) => {
    const page = desk(t);
    sees(page, "table-2");

    approve(page, 2);
    approve(page, 1);

    assert.deepEqual(page.sent, [formOf(page, 2)]);
  });

  test("is the only thing that asks for it", (t) => {
    const page = desk(t, proposal("p1") + '<form data-verb="reject"></form>');

    page.find("[data-verb=reject]").requestSubmit();

    assert.equal(page.sent.length, 1);
  });
});

describe("That somebody looks", () => {
  test("is told at once, and then every ten seconds", async (t) => {
    const page = desk(t);
    const first = { url: "/queue/p1/look/", csrfmiddlewaretoken: "token", seconds: "0", all_shown: "false", page: "i" };
    assert.deepEqual(beats(page), [first]);

    await page.pass(9_999);
    assert.equal(page.requests.length, 1);
    await page.pass(1);

    assert.deepEqual(beats(page)[1], { ...first, seconds: "10" });
  });

  test("is told with the seconds since it was told last", async (t) => {
    const page = desk(t);

    await page.pass(4000);
    sees(page, "table-1");
    page.fold("#fold-letter");
    sees(page, "letter");
    await page.pass(6000);

    assert.deepEqual(beats(page).map((it) => [it.seconds, it.all_shown]), [
      ["0", "false"],
      ["4", "true"],
      ["6", "true"],
    ]);
  });

  test("and has seen all is told once, as soon as it is so", (t) => {
    const page = desk(t, proposal("p1", end("table-1")));

    sees(page, "table-1");
    page.fire(".suggestion-radio", "change");
    page.fire(".suggestion-radio", "change");

    assert.deepEqual(beats(page).map((it) => it.all_shown), ["false", "true"]);
  });

  test("and has seen all is not told of a suggestion that is not chosen", (t) => {
    const page = desk(t);

    sees(page, "table-2");
    assert.equal(page.requests.length, 1);
    page.find('.suggestion-radio[data-rank="2"]').checked = true;
    page.fire('.suggestion-radio[data-rank="2"]', "change");

    assert.deepEqual(beats(page).map((it) => it.all_shown), ["false", "true"]);
  });

  test("ends when they look elsewhere, with the seconds that are left", async (t) => {
    const page = desk(t);
    await page.pass(3000);

    page.hide();
    await page.pass(30_000);

    assert.equal(page.requests.length, 1);
    const [farewell] = page.beacons;
    assert.equal(farewell.url, "/queue/p1/look/");
    assert.deepEqual([farewell.body.get("leaves"), farewell.body.get("seconds")], ["true", "3"]);
    page.show();
    assert.equal(beats(page)[1].seconds, "0");
  });

  test("and has seen all is told again when they come back", (t) => {
    const page = desk(t, proposal("p1", end("table-1")));
    sees(page, "table-1");

    page.hide();
    page.show();

    assert.equal(beats(page).at(-1).all_shown, "true");
  });

  test("is told to the address that answers with a part of the page", (t) => {
    const page = desk(t);

    assert.deepEqual(page.requests.map((it) => [it.method, it.headers]), [["POST", { "HX-Request": "true" }]]);
  });

  test("ends once, however the page goes", (t) => {
    const page = desk(t);

    page.hide();
    page.fire(page.window, "pagehide");

    assert.equal(page.beacons.length, 1);
  });

  test("moves on with the item", (t) => {
    const page = desk(t);

    draw(page, proposal("p2"));

    assert.deepEqual(page.beacons.map((it) => it.url), ["/queue/p1/look/"]);
    assert.deepEqual(beats(page).map((it) => it.url), ["/queue/p1/look/", "/queue/p2/look/"]);
  });

  test("is not begun anew when the same item is drawn again", (t) => {
    const page = desk(t);

    draw(page, proposal("p1"));

    assert.deepEqual(page.beacons, []);
    assert.equal(page.requests.length, 1);
  });

  test("is told of no item that nobody looks after", async (t) => {
    const page = desk(t, "");

    await page.pass(30_000);
    page.hide();

    assert.deepEqual(page.requests, []);
    assert.deepEqual(page.beacons, []);
  });

  test("ends where nothing is open any more", async (t) => {
    const page = desk(t);

    draw(page, "<h1>Nothing waits</h1>");
    await page.pass(30_000);

    assert.equal(page.beacons.length, 1);
    assert.equal(page.requests.length, 1);
  });

  test("is not begun on a page that is hidden", (t) => {
    const page = desk(t, "");

    page.hide();
    draw(page, proposal("p1"));
    assert.deepEqual(page.requests, []);
    page.show();

    assert.deepEqual(beats(page).map((it) => it.url), ["/queue/p1/look/"]);
  });

  test("is told without a token where the page has none", (t) => {
    const bare = ({ document }) => document.body.removeAttribute("hx-headers");

    assert.equal(beats(desk(t, proposal("p1"), { before: bare }))[0].csrfmiddlewaretoken, "");
  });
});

describe("Who else looks", () => {
  const line = (page) => page.find("[data-present]").textContent;
  const answering = (t, answers) => desk(t, proposal("p1"), { before: (page) => (page.answers = answers) });

  test("is said by the answer, as text", async (t) => {
    const page = answering(t, () => ({ text: "\n<bdi>Ben</bdi> and Cyd &lt;b&gt; look too\n" }));

    await answered();

    assert.equal(line(page), "Ben and Cyd <b> look too");
  });

  test("is not drawn again where it is the same", async (t) => {
    const page = answering(t, () => ({ text: "Ben" }));
    const before = page.find("[data-present]").firstChild;

    await answered();

    assert.equal(page.find("[data-present]").firstChild, before);
  });

  for (const [what, answers] of [
    ["a failure", () => ({ status: 500, text: "Sorry" })],
    ["the log-in page", () => ({ redirected: true, text: "Log in" })],
    ["no answer", () => Promise.reject(new Error("no connection"))],
  ]) {
    test(`stays as it was with ${what}`, async (t) => {
      const page = answering(t, answers);

      await answered();

      assert.equal(line(page), " Ben ");
    });
  }

  test("is of no use when another item is open by then", async (t) => {
    const never = new Promise(() => {});
    const page = answering(t, ({ url }) => (url.includes("p1") ? { text: "Cyd" } : never));

    draw(page, proposal("p2"));
    await answered();

    assert.equal(line(page), " Ben ");
  });

  test("is asked again when the row of the open item was drawn anew", (t) => {
    const page = desk(t);
    const row = () => page.fragment('<li id="proposal-p1"></li>');
    page.find("#rows").append(row());
    page.tell("desk:rows");
    assert.equal(page.requests.length, 1); // the row that was there all along

    page.tell("desk:rows");
    assert.equal(page.requests.length, 1);
    page.find("#rows").replaceChildren(row());
    page.tell("desk:rows");

    assert.equal(page.requests.length, 2);
  });
});
