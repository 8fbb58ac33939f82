import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { answered, open } from "../../page.js";

const DIALOG = `<dialog id="signed-out"><p data-somebody-else hidden></p><form method="dialog"><button>Later</button></form></dialog>`;
const FORM = `<form id="note" method="post"><input type="hidden" name="csrfmiddlewaretoken" value="old"><textarea>Call her</textarea></form>
  <form id="other"><input type="hidden" name="csrfmiddlewaretoken" value="old"></form>`;
const SESSION = "reviewapp/accounts/session.js";

const desk = (t, { user = "7", dialog = DIALOG } = {}) =>
  open(t, `<body data-user="${user}" hx-headers='{"X-CSRFToken": "old"}'>${FORM}${dialog}</body>`, SESSION);
const isOut = (page) => page.find("#signed-out").open;
const tokens = (page) => page.all("[name=csrfmiddlewaretoken]").map((it) => it.value);
const refused = (status, why = null) => ({ xhr: { status, getResponseHeader: (name) => (name === "X-Refused" ? why : null) } });

/** The server's word on who is signed in now. */
function signedIn(page, user, name = "Ana") {
  page.answers = () => ({ json: user ? { user, name, token: "new" } : { user: null } });
}

/** Back from the tab in which somebody signed in, or did not. */
async function comeBack(page) {
  page.hide();
  page.show();
  await answered();
}

describe("A session that ended", () => {
  for (const [how, ends] of [
    ["a refused request", (page) => page.tell("htmx:responseError", refused(401))],
    ["a refused decision", (page) => page.tell("page:refused", { status: 401, why: null })],
    ["the socket", (page) => page.tell("page:signed-out")],
  ]) {
    test(`is told of by ${how}`, (t) => {
      const page = desk(t);

      ends(page);

      assert.equal(isOut(page), true);
    });
  }

  test("is not what another refusal means", (t) => {
    const page = desk(t);

    page.tell("htmx:responseError", refused(403));
    page.tell("htmx:responseError", refused(500));

    assert.equal(isOut(page), false);
    assert.deepEqual(page.requests, []);
  });

  test("keeps a form on the page, with what was typed", (t) => {
    const page = desk(t);
    page.tell("page:signed-out");
    page.find("#signed-out").close();

    page.find("#note").requestSubmit();

    assert.deepEqual(page.sent, []);
    assert.equal(isOut(page), true);
    assert.equal(page.find("textarea").value, "Call her");
  });

  test("lets the dialog itself be put away", (t) => {
    const page = desk(t);
    page.tell("page:signed-out");
    let heard = 0;
    page.find("#signed-out form").addEventListener("submit", () => heard++);

    page.fire("#signed-out form", "submit");

    assert.equal(heard, 1);
  });
});

describe("Signed in again", () => {
  test("every form gets a token of the new session and may be sent", async (t) => {
    const page = desk(t);
    page.tell("page:signed-out");
    signedIn(page, "7");

    await comeBack(page);

    assert.deepEqual(page.requests.map((it) => it.url), ["/accounts/session/"]);
    assert.equal(isOut(page), false);
    assert.deepEqual(tokens(page), ["new", "new"]);
    assert.deepEqual(JSON.parse(page.document.body.getAttribute("hx-headers")), { "X-CSRFToken": "new" });
    assert.deepEqual(page.toasts, ["You are signed in again. What you typed is still here: send it once more."]);
    page.find("#note").requestSubmit();
    assert.deepEqual(page.sent, [page.find("#note")]);
  });

  test("is noticed too when only the focus comes back", async (t) => {
    const page = desk(t);
    page.tell("page:signed-out");
    signedIn(page, "7");

    page.fire(page.window, "focus");
    await answered();

    assert.equal(isOut(page), false);
  });

  test("by somebody else, the page goes on for nobody", async (t) => {
    const page = desk(t);
    page.tell("page:signed-out");
    signedIn(page, "8", "Ben");

    await comeBack(page);

    assert.equal(isOut(page), true);
    assert.deepEqual(tokens(page), ["old", "old"]);
    assert.equal(page.find("[data-somebody-else]").hidden, false);
    assert.equal(page.find("[data-somebody-else]").textContent, "Ben is signed in now. This page is yours: sign in as yourself again.");
    page.find("#note").requestSubmit();
    assert.deepEqual(page.sent, []);
  });

  test("and as oneself after somebody else, it goes on", async (t) => {
    const page = desk(t);
    page.tell("page:signed-out");
    signedIn(page, "8", "Ben");
    await comeBack(page);

    signedIn(page, "7");
    await comeBack(page);

    assert.equal(isOut(page), false);
    assert.equal(page.find("[data-somebody-else]").hidden, true);
  });

  test("not yet, the page keeps asking to", async (t) => {
    const page = desk(t);
    page.tell("page:signed-out");
    signedIn(page, null);

    await comeBack(page);
    await comeBack(page);

    assert.equal(page.requests.length, 2);
    assert.equal(isOut(page), true);
    assert.equal(page.find("[data-somebody-else]").hidden, true);
  });

  test("is found out another time where the server can't be reached", async (t) => {
    const page = desk(t);
    page.tell("page:signed-out");
    page.answers = () => {
      throw new Error("no connection");
    };

    await comeBack(page);
    assert.equal(isOut(page), true);
    signedIn(page, "7");
    await comeBack(page);

    assert.equal(isOut(page), false);
  });

  test("is not asked about by a page that was never out, or is not looked at", async (t) => {
    const page = desk(t);

    await comeBack(page);
    page.tell("page:signed-out");
    page.hide();
    page.fire(page.window, "focus");
    await answered();

    assert.deepEqual(page.requests, []);
  });
});

test("A page older than the sign-in gets new tokens, and says what to do", async (t) => {
  const page = desk(t);
  signedIn(page, "7");

  page.tell("htmx:responseError", refused(403, "page-too-old"));
  await answered();

  assert.deepEqual(tokens(page), ["new", "new"]);
  assert.deepEqual(page.toasts, ["This page was older than your sign-in. What you typed is still here: send it once more."]);
});

test("A page that nobody is signed in on waits for its reader to sign in beside it", async (t) => {
  const kept = `<form method="post" id="kept"><input type="hidden" name="csrfmiddlewaretoken" value="old"><a href="/accounts/signed-in/">Sign in</a></form>`;
  const page = open(t, `<body data-user="">${kept}</body>`, SESSION);
  signedIn(page, "7");

  await comeBack(page);

  assert.deepEqual(tokens(page), ["new"]);
  assert.equal(page.toasts.length, 1);
});
