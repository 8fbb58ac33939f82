import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { answered, later, open } from "../../page.js";

const LATE = 500;

const row = (id) =>
  `<li class="row" id="proposal-${id}"><span class="row-sentence">Refund ${id}</span><span class="row-when"><time>1 h</time></span></li>`;
const verb = (id, name) =>
  `<form data-verb="${name}" hx-post="/queue/${id}/${name}/"><input type="hidden" name="csrfmiddlewaretoken" value="token">
   <textarea name="reason"></textarea><button name="more" value="yes">Send</button></form>`;
const proposal = (id, verbs = verb(id, "approve") + verb(id, "reject")) =>
  `<article id="proposal" data-id="${id}" data-url="/queue/${id}/"><header class="proposal-head"></header><div id="decision">${verbs}</div></article>`;
const FORMS = `<div id="came-back" role="alert"></div>
  <template id="came-back-form"><div><strong data-what></strong> <bdi data-sentence></bdi> <i data-why></i><a><span data-label>Open it again</span></a><button>x</button></div></template>
  <template id="sending-form"><div class="undo-sending"><bdi data-sentence></bdi><button>Undo</button></div></template>`;

function desk(t, { answer = { status: 204 }, detail = proposal("a") } = {}) {
  const html = `<body><ol id="rows">${row("a")}${row("b")}</ol><section id="detail">${detail}</section><div id="undo"></div>${FORMS}</body>`;
  const before = (page) => (page.answers = typeof answer === "function" ? answer : () => answer);
  return open(t, html, "approvals/desk/sending.js", { before });
}

const NOTHING = { reasons: [] };
/** The desk hands over a form: says whether it was taken. */
function sends(page, name = "approve", typed = NOTHING) {
  const form = page.find(`#detail [data-verb="${name}"]`);
  return !page.fire(page.document, "desk:send", { detail: { form, submitter: form.querySelector("button"), typed } });
}
const opens = (page, id, verbs) => draws(page, page.find("#detail"), proposal(id, verbs));
function draws(page, target, html) {
  target.replaceChildren(...page.fragment(`<div>${html}</div>`).childNodes);
  page.tell("htmx:afterSwap", { target });
}
const undoForm = (id) => `<form class="undo-one" data-verb="undo" data-undo="${id}"><button>Undo</button></form>`;
const drawsBar = (page, html) => draws(page, page.find("#undo"), html);
/** The bar is drawn, with all that was decided before. */
function barIs(page, html) {
  drawsBar(page, html);
  page.tell("desk:undo-read", { isRead: true });
}
const said = (page) => page.all("#came-back > *").map((it) => it.textContent.trim().replace(/\s+/g, " ")).join(" | ");
const told = (page, type) => {
  const heard = [];
  page.document.addEventListener(type, ({ detail }) => heard.push(structuredClone(detail))); // of this realm
  return heard;
};
const isOnItsWay = (page) => page.find("#undo").getAttribute("aria-busy") === "true";
const never = () => new Promise(() => {});
const leaves = (page) => page.window.dispatchEvent(new page.window.Event("beforeunload", { cancelable: true }));

describe("A decision that is sent beside the page", () => {
  test("is taken, and goes as the form stands", async (t) => {
    const page = desk(t);
    page.find('[data-verb="reject"] textarea').value = "Not ours";

    assert.equal(sends(page, "reject"), true);

    const [{ url, method, body, headers }] = page.requests;
    assert.equal(`${method} ${url}`, "POST /queue/a/reject/");
    assert.equal(String(body), "csrfmiddlewaretoken=token&reason=Not+ours&more=yes");
    assert.deepEqual([headers["HX-Request"], headers["HX-Target"]], ["true", "settled"]);
    await answered();
  });

  test("is on its way until it is answered, and its row says so, also one that is drawn anew", async (t) => {
    const { answer, comes } = later();
    const page = desk(t, { answer });

    sends(page);
    assert.equal(isOnItsWay(page), true);
    assert.equal(page.find("#proposal-a").dataset.away, "approve");
    assert.equal(page.find("#proposal-a .row-away").textContent, "approving …");
    page.find("#proposal-a").replaceWith(page.fragment(row("a")));
    page.tell("desk:rows");
    page.tell("desk:rows");
    assert.equal(page.all(".row-away").length, 1);
    comes({ status: 204 });
    await answered();

    assert.equal(isOnItsWay(page), false);
  });

  test("is told of when it has counted", async (t) => {
    const page = desk(t);
    const decided = told(page, "desk:decided");

    sends(page);
    assert.deepEqual(page.events, ["desk:sent"]);
    await answered();

    assert.deepEqual(decided, [{ refused: false }]);
    assert.deepEqual(page.announced, ["Approved: Refund a"]);
    assert.equal(said(page), "");
  });

  test("is not sent twice, though its proposal was opened again meanwhile", (t) => {
    const page = desk(t, { answer: never() });
    sends(page);

    opens(page, "a");
    page.find('#detail [data-verb="reject"]').requestSubmit();
    assert.deepEqual(page.sent, []);
    assert.deepEqual(page.toasts, ["Your answer to this is on its way."]);
    opens(page, "b");
    page.find('#detail [data-verb="reject"]').requestSubmit();

    assert.equal(page.sent.length, 1);
  });

  test("asks before the page is left, as long as it is on its way", async (t) => {
    const page = desk(t);
    assert.equal(leaves(page), true);

    sends(page);
    assert.equal(leaves(page), false);
    await answered();

    assert.equal(leaves(page), true);
  });

  test("puts a word about pace beside what is read by now, once", async (t) => {
    const page = desk(t, { answer: { text: '<form class="pace">The last 5 took 2 s each</form>' } });
    sends(page);
    opens(page, "b");
    await answered();
    assert.equal(page.find("#detail .pace").textContent, "The last 5 took 2 s each");
    assert.deepEqual(page.processed, [page.find(".pace")]);

    sends(page);
    await answered();

    assert.equal(page.all(".pace").length, 1);
  });
});

describe("What was a check", () => {
  const CHECK = { answer: { status: 204, says: { "HX-Location": "/queue/a/" } } };

  test("is opened at once", async (t) => {
    const page = desk(t, CHECK);
    const clicked = told(page, "click");

    sends(page);
    opens(page, "b");
    await answered();

    assert.equal(clicked.length, 1);
    assert.deepEqual(page.followed, ["/queue/a/"]);
    opens(page, "a");
    assert.equal(said(page), "");
  });

  test("waits where somebody writes", async (t) => {
    const page = desk(t, CHECK);

    sends(page);
    opens(page, "b", `<details class="verb-panel" open></details>`);
    await answered();

    assert.deepEqual(page.followed, []);
    assert.equal(said(page), "This was a check Refund a Nothing was carried out.See how you did x".replace(" x", "x"));
  });
});

describe("A decision that did not count", () => {
  const REFUSED = (text) => ({ status: 409, text: `<article><p class="decision-refusal"> ${text} <b>You had written</b></p></article>` });
  const TYPED = { rank: "2", reasons: [["reject-reason", "Not ours"], ["note", ""]] };

  for (const [how, answer, why] of [
    ["because somebody was faster", REFUSED("This was already rejected, by Ben."), "This was already rejected, by Ben."],
    ["because of what was written", { ...REFUSED("Say it in fewer characters."), status: 422 }, "Say it in fewer characters."],
    ["because it is another team's", { status: 409, text: "<article><h1>This went to another team</h1></article>" }, "This went to another team"],
    ["for rights that ended", { status: 403 }, "It was not taken; nothing was changed."],
    ["because it is gone", { status: 404 }, "It is gone, or not yours to see."],
    ["for too many requests", { status: 429 }, "Too many requests. Wait a moment and try again."],
    ["for a broken server", { status: 500 }, "The server failed. Open it to see where it stands."],
    ["for a lost network", () => Promise.reject(new TypeError("no network")), "The server did not answer. Open it to see where it stands."],
  ]) {
    test(`comes back with why: ${how}`, async (t) => {
      const page = desk(t, { answer });
      const decided = told(page, "desk:decided");

      sends(page, "reject");
      opens(page, "b");
      await answered();

      assert.equal(said(page), `Not rejected Refund a ${why}Open it againx`);
      const way = page.find("#came-back a");
      assert.deepEqual([way.getAttribute("href"), way.getAttribute("hx-get")], ["/queue/a/", "/queue/a/"]);
      assert.deepEqual(page.processed, [page.find("#came-back > *")]);
      assert.equal("away" in page.find("#proposal-a").dataset, false);
      assert.equal(page.find(".row-away"), null);
      assert.deepEqual(decided, [{ refused: true }]);
      assert.equal(page.find("#proposal").dataset.id, "b"); // nobody is torn away
    });
  }

  test("because of a session that ended tells who can help", async (t) => {
    const page = desk(t, { answer: { status: 401 } });
    const refused = told(page, "page:refused");

    sends(page);
    await answered();
    page.answers = () => ({ status: 403, says: { "X-Refused": "page-too-old" } });
    sends(page);
    await answered();

    assert.deepEqual(refused, [{ status: 401, why: null }, { status: 403, why: "page-too-old" }]);
    assert.match(said(page), /^Not approved Refund a It was not taken/); // the newer word alone
  });

  test("before somebody confirmed that it is them leads there", async (t) => {
    const page = desk(t, { answer: { says: { "HX-Redirect": "/accounts/confirm/?next=/queue/a/" } } });

    sends(page, "approve", TYPED);
    await answered();

    const way = page.find("#came-back a");
    assert.deepEqual([way.getAttribute("href"), way.getAttribute("hx-get")], ["/accounts/confirm/?next=/queue/a/", null]);
    assert.match(said(page), /Confirm first that it is you/);
    page.click(way);
    assert.equal(leaves(page), true); // the server keeps the words
  });

  test("gives back the words to whoever opens it again, and says why", async (t) => {
    const page = desk(t, { answer: REFUSED("Say it in fewer characters.") });
    const back = told(page, "desk:put-back");
    sends(page, "reject", TYPED);
    opens(page, "b");
    await answered();

    assert.equal(leaves(page), false); // the words would be gone
    opens(page, "a");

    assert.deepEqual(back, [{ typed: TYPED, why: "Say it in fewer characters." }]);
    assert.equal(said(page), "");
    assert.equal(leaves(page), true);
    opens(page, "a");
    assert.equal(back.length, 1);
  });

  test("can be put away", async (t) => {
    const page = desk(t, { answer: REFUSED("No.") });
    const back = told(page, "desk:put-back");
    sends(page, "reject", TYPED);
    await answered();

    page.click("#came-back button");

    assert.equal(said(page), "");
    assert.equal(leaves(page), true);
    opens(page, "a");
    assert.deepEqual(back, []);
  });

  test("does not leave because its link was followed on this page", async (t) => {
    const page = desk(t, { answer: REFUSED("No.") });
    sends(page, "reject", TYPED);
    await answered();

    page.click("#came-back a");

    assert.equal(leaves(page), false); // until it is there
  });
});

describe("An approval that takes long", () => {
  test("stands where those stand that can be undone", async (t) => {
    const page = desk(t, { answer: never() });

    sends(page);
    await page.pass(LATE - 1);
    assert.equal(page.find("#undo").textContent, "");
    await page.pass(1);
    assert.equal(page.find("#undo [data-sending]").textContent, "Refund aUndo");
    barIs(page, undoForm("z"));

    assert.deepEqual(page.all("#undo > *").map((it) => it.className), ["undo-sending", "undo-one"]);
  });

  test("is gone from there once it is answered; a rejection never stands there", async (t) => {
    const { answer, comes } = later();
    const page = desk(t, { answer });
    sends(page);
    await page.pass(LATE);
    comes({ status: 204 });
    await answered();
    assert.equal(page.find("[data-sending]"), null);
    page.answers = never;

    sends(page, "reject");
    await page.pass(LATE);

    assert.equal(page.find("[data-sending]"), null);
  });
});

describe("An undo before it has counted", () => {
  const asks = (page) => !page.fire(page.document, "desk:undo");
  const waits = (t) => {
    const { answer, comes } = later();
    const page = desk(t, { answer });
    sends(page);
    opens(page, "b");
    const counts = async (answer = { status: 204 }) => {
      comes(answer);
      await answered();
    };
    return { page, counts };
  };

  test("is done as soon as the bar has it", async (t) => {
    const { page, counts } = waits(t);

    assert.equal(asks(page), true);
    assert.deepEqual(page.toasts, ["It will be undone as soon as it has counted."]);
    barIs(page, undoForm("z")); // an older answer
    await counts();
    barIs(page, undoForm("a") + undoForm("z"));

    assert.deepEqual(page.sent.map((it) => it.dataset.undo), ["a"]);
    barIs(page, undoForm("a"));
    assert.equal(page.sent.length, 1);
  });

  test("waits for a calm page", async (t) => {
    const { page, counts } = waits(t);
    asks(page);
    await counts();
    page.find("#detail").dataset.settling = "";

    barIs(page, undoForm("a"));
    assert.deepEqual(page.sent, []);
    delete page.find("#detail").dataset.settling;
    page.tell("desk:calm");

    assert.equal(page.sent.length, 1);
  });

  test("waits for a bar that was read since it counted", async (t) => {
    const { page, counts } = waits(t);
    asks(page);
    await counts();

    page.tell("desk:calm");
    drawsBar(page, ""); // asked for before
    assert.deepEqual([page.sent, page.toasts.length], [[], 1]);
    barIs(page, undoForm("a"));

    assert.equal(page.sent.length, 1);
  });

  test("is taken also between its answer and the bar", async (t) => {
    const { page, counts } = waits(t);
    await counts();

    assert.equal(asks(page), true);
    barIs(page, undoForm("a"));

    assert.equal(page.sent.length, 1);
    assert.equal(asks(page), false); // the bar has it: its button is pressed
  });

  test("is said not to have been done where the bar can't be read", async (t) => {
    const { page, counts } = waits(t);
    asks(page);
    await counts();

    page.tell("desk:undo-read", { isRead: false });
    barIs(page, undoForm("a"));

    assert.deepEqual(page.sent, []);
    assert.deepEqual(page.toasts.slice(1), ["Not undone: the server did not answer. Open it to undo it."]);
  });

  test("is said not to be possible where it is carried out at once", async (t) => {
    const { page, counts } = waits(t);
    asks(page);
    await counts();

    barIs(page, "");

    assert.deepEqual(page.toasts.slice(1), ["It can't be undone."]);
  });

  test("tears nobody away from what they write", async (t) => {
    const { page, counts } = waits(t);
    asks(page);
    opens(page, "b", `<details class="verb-panel" open></details>`);
    await counts();

    barIs(page, undoForm("a"));

    assert.deepEqual(page.sent, []);
    assert.deepEqual(page.toasts.slice(1), ["Not undone, for you are writing. The bar below the list undoes it."]);
  });

  test("is forgotten where there is nothing to undo", async (t) => {
    const { page, counts } = waits(t);
    asks(page);

    await counts({ status: 500 });
    barIs(page, undoForm("a"));

    assert.deepEqual(page.sent, []);
  });

  test("is asked for by the button too", async (t) => {
    const { page, counts } = waits(t);
    await page.pass(LATE);

    page.click("#undo [data-sending] button");
    await counts();
    barIs(page, undoForm("a"));

    assert.equal(page.sent.length, 1);
  });

  test("is the server's where nothing is on its way, and of approvals alone", (t) => {
    const page = desk(t, { answer: never() });
    assert.equal(asks(page), false);

    sends(page, "reject");

    assert.equal(asks(page), false);
  });
});
