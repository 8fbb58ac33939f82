import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { answered, later, open } from "../../page.js";

const NOTE = '<template id="changed-note"><p data-note>Changed <button type="button" data-show-now>Show</button></p></template>';
const form = (id, round = 1) =>
  `<details data-do="done"><summary>It is done</summary><form><input type="hidden" name="csrfmiddlewaretoken" value="${Math.floor(performance.now() * 1e6)}">
   <input type="hidden" name="round" value="${round}"><input id="evidence-${id}"><button>Mark</button></form></details>`;
const row = (id, { state = "running", does = "", ago = "10:00" } = {}) =>
  `<tr id="${id}"><th><a href="/executions/${id}/">Refund ${id}</a></th><td><b class="status">${state}</b>
   <time data-ago datetime="2026-03-02T08:00:00Z">${ago}</time></td><td class="cell-do">${does}</td></tr>`;
const list = (...rows) =>
  `<header id="head"><h1>Executions</h1></header>` +
  (rows.length ? `<table id="executions" data-parts><tbody data-parts>${rows.join("")}</tbody></table>` : '<div id="none">Nothing</div>');

function shown(t, html) {
  const body = `<body><p id="live-status" data-state=""></p><main id="main" tabindex="-1">${html}</main>${NOTE}</body>`;
  return open(t, body, "execution/desk/redraw.js", { url: "https://desk.example/executions/?status=running" });
}
/** The server has this to show now, and tells the page so. */
async function changes(page, html, { hint = "page:resync", wait = 1000, ...more } = {}) {
  page.answers = () => ({ text: html, ...more });
  page.tell(hint, hint === "page:socket" ? { open: true } : null);
  await page.pass(wait);
  await answered();
}
const ids = (page) => page.all("tbody > tr").map(({ id }) => id).join(" ");
const stateOf = (page, id) => page.find(`#${id} .status`)?.textContent;

describe("The list", () => {
  test("has those that came, went and changed, in the server's order", async (t) => {
    const page = shown(t, list(row("c"), row("b"), row("a")));

    await changes(page, list(row("d"), row("c", { state: "failed" }), row("a")));

    assert.equal(ids(page), "d c a");
    assert.equal(stateOf(page, "c"), "failed");
    assert.equal(page.requests[0].url, "https://desk.example/executions/?status=running");
    assert.equal(page.requests[0].headers["HX-Request"], "true");
  });

  test("keeps the rows in which nothing changed but the clock and the token", async (t) => {
    const page = shown(t, list(row("a", { does: form("a") })));
    const before = page.find("#a");
    page.find("#a time").textContent = "2 min ago";
    page.find("#a time").title = "today";
    page.find("#a input").style.color = "red"; // as what people have in their browser does

    await changes(page, list(row("b"), row("a", { does: form("a") })));

    assert.equal(page.find("#a"), before);
    assert.equal(page.find("#a time").textContent, "2 min ago");
  });

  test("becomes empty, and full again", async (t) => {
    const page = shown(t, list(row("a")));

    await changes(page, list());
    assert.ok(page.find("#none"));
    assert.equal(page.find("table"), null);
    await changes(page, list(row("a"), row("b")));
    assert.equal(ids(page), "a b");
  });

  test("keeps the focus where it is, and hands it on where its row is gone", async (t) => {
    const page = shown(t, list(row("b"), row("a")));
    const link = page.find("#b a");
    link.focus();

    await changes(page, list(row("c"), row("b", { state: "failed" }), row("a")));
    assert.equal(page.focused, link);
    assert.equal(stateOf(page, "b"), "failed");
    await changes(page, list(row("c"), row("a")));
    assert.equal(page.focused, page.find("#a a"));
    await changes(page, list());
    assert.equal(page.focused, page.find("#main"));
  });

  test("says aloud what came and went, once in a while, and nothing of what moved to the next page", async (t) => {
    const page = shown(t, list(row("c"), row("b"), row("a")));

    await changes(page, list(row("d"), row("c", { state: "failed" }), row("b")), { wait: 1001 });
    assert.deepEqual(page.announced, ["Executions: 1 new, 1 in another state"]);
    await changes(page, list(row("d"), row("b")));
    await changes(page, list(row("d")));
    assert.equal(page.announced.length, 1);
    await page.pass(15_000);
    assert.equal(page.announced[1], "Executions: 2 no longer here");
  });
});

describe("Who is at a form", () => {
  test("goes on while all else is drawn", async (t) => {
    const page = shown(t, list(row("a", { does: form("a") })));
    page.find("#a details").open = true;
    const field = page.find("#evidence-a");
    field.focus();
    field.value = "Receipt 47";

    await changes(page, list(row("b"), row("a", { state: "needs attention", does: form("a") })));

    assert.equal(ids(page), "b a");
    assert.equal(stateOf(page, "a"), "needs attention");
    assert.equal(page.find("#evidence-a"), field);
    assert.equal(page.focused, field);
    assert.equal(page.find("[data-note]"), null);
  });

  test("is told that it changed, and sees it with their words when they say so", async (t) => {
    const page = shown(t, list(row("a", { does: form("a") })));
    page.find("#a details").open = true;
    page.find("#evidence-a").value = "Receipt 47";

    await changes(page, list(row("a", { does: form("a", 2) })));
    await changes(page, list(row("a", { does: form("a", 2) })));
    assert.equal(page.find("#a [name=round]").value, "1");
    assert.equal(page.all("[data-note]").length, 1);
    assert.deepEqual(page.announced, ["What you are at changed meanwhile"]);

    page.click("[data-show-now]");
    await page.pass(1000);
    assert.equal(page.find("#a [name=round]").value, "2");
    assert.equal(page.find("#evidence-a").value, "Receipt 47");
    assert.equal(page.focused.id, "evidence-a");
    assert.equal(page.find("#a details").open, true);
    assert.equal(page.find("[data-note]"), null);
  });

  test("keeps the words of what can't be done any more, and is shown them once it is gone", async (t) => {
    const page = shown(t, list(row("b"), row("a", { does: form("a") })));
    page.find("#a details").open = true;
    page.find("#evidence-a").value = "Receipt 47";

    await changes(page, list(row("c"), row("b")));
    assert.equal(ids(page), "c b a");
    assert.equal(page.find("#evidence-a").value, "Receipt 47");

    page.click("[data-show-now]");
    await page.pass(1000);
    assert.equal(ids(page), "c b");
    assert.deepEqual(page.toasts, ["This can't be done any more. You had typed: “Receipt 47”"]);
  });

  test("sees what changed as soon as the form is closed", async (t) => {
    const page = shown(t, list(row("a", { does: form("a") })));
    page.find("#a details").open = true;
    await changes(page, list(row("a")));
    assert.ok(page.find("#a details"));

    page.fold("#a details", false);
    await page.pass(1000);

    assert.equal(page.find("#a details"), null);
  });
});

describe("The page of one", () => {
  const step = (...attempts) =>
    `<header id="head"><b class="status">running</b></header><section aria-labelledby="steps" data-parts><h2 id="steps">Steps</h2><ol data-parts>
     <li id="step-1" data-parts><p>refund</p><ol class="attempts">${attempts.map((it) => `<li>${it}</li>`).join("")}</ol></li></ol></section>`;
  const attempt = (said) => `HTTP 503. <details><summary>What came back</summary><pre>${said}</pre></details>`;
  const story = (...told) => `<ol id="happened" data-parts>${told.map((it) => `<li><span>${it}</span></li>`).join("")}</ol>`;

  test("keeps what is unfolded, with new text around it", async (t) => {
    const page = shown(t, step(attempt("busy")));
    const fold = page.find("details");
    fold.open = true;

    await changes(page, step(attempt("busy").replace("503", "503 after 2 s"), attempt("still busy")));

    assert.equal(page.find("details"), fold);
    assert.equal(fold.open, true);
    assert.deepEqual(page.all("details").map((it) => it.open), [true, false]);
    assert.match(page.find(".attempts li").textContent, /503 after 2 s/);
  });

  test("says aloud what happened last", async (t) => {
    const page = shown(t, story("A worker began."));

    await changes(page, story("A worker began.", "A worker completed a step."));
    await changes(page, story("A worker began.", "A worker completed a step."));

    assert.deepEqual(page.announced, ["A worker completed a step."]);
  });

  test("that is gone asks no more", async (t) => {
    const page = shown(t, step());

    await changes(page, "", { status: 404 });
    await changes(page, "", { status: 404 });
    await page.pass(60_000);

    assert.deepEqual(page.toasts, ["This is gone, or not yours to see any more."]);
    assert.equal(page.requests.length, 1);
  });
});

describe("Asking", () => {
  test("is done once a second, however many hints there are", async (t) => {
    const page = shown(t, list(row("a")));
    page.answers = () => ({ text: list(row("a")) });

    for (let n = 0; n < 500; n++) {
      page.tell("page:resync");
      await page.pass(10);
    }

    assert.ok(page.requests.length >= 4 && page.requests.length <= 6, `${page.requests.length}`);
  });

  test("is done less often where the server is slow", async (t) => {
    const page = shown(t, list(row("a")));
    const { answer, comes } = later();
    page.answers = () => answer;
    page.tell("page:resync");
    await page.pass(1000);
    page.tell("page:resync");
    await page.pass(150);
    comes({ text: list(row("a")) }); // a second after it was asked for
    await answered();
    await page.pass(1800);
    assert.equal(page.requests.length, 1);
    await page.pass(300);
    assert.equal(page.requests.length, 2);
  });

  test("goes on without hints, but not behind another page", async (t) => {
    const page = shown(t, list(row("a")));
    page.answers = () => ({ text: list(row("a"), row("b")) });

    await page.pass(16_000);
    assert.equal(ids(page), "a b");
    page.hide();
    await page.pass(60_000);
    assert.equal(page.requests.length, 1);
    page.show();
    await page.pass(1000);
    assert.equal(page.requests.length, 2);
  });

  test("tells how it stands: live, coming back, offline, signed out", async (t) => {
    const page = shown(t, list(row("a")));
    const lamp = page.find("#live-status");
    await changes(page, list(row("a")), { hint: "page:socket" });
    assert.equal(lamp.textContent, "Live");

    page.tell("page:socket", { open: false });
    assert.equal(lamp.textContent, "Reconnecting");
    await changes(page, "", { status: 503 });
    assert.equal(lamp.textContent, "Offline");
    await changes(page, "", { redirected: true });
    assert.ok(page.events.includes("page:signed-out"));
    assert.equal(ids(page), "a");
  });
});
