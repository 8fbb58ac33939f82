import assert from "node:assert/strict";
import { test } from "node:test";
import { answered, open } from "../../page.js";

const HTML = `<pre id="command">curl https://desk.example</pre><button data-copy="command" hidden>Copy</button>`;

function first(t, writeText) {
  const before = ({ window }) => writeText && Object.defineProperty(window.navigator, "clipboard", { value: { writeText } });
  return open(t, HTML, "approvals/desk/first.js", { before });
}

test("The command is copied, and the page says so", async (t) => {
  const copied = [];
  const page = first(t, async (text) => copied.push(text));
  assert.equal(page.find("button").hidden, false);

  page.click("button");
  await answered();

  assert.deepEqual(copied, ["curl https://desk.example"]);
  assert.deepEqual(page.toasts, ["Copied"]);
});

test("A browser that refuses is told of with what helps", async (t) => {
  const page = first(t, async () => {
    throw new Error("NotAllowed");
  });

  page.click("button");
  await answered();

  assert.deepEqual(page.toasts, ["The browser does not allow to copy. Select the command instead."]);
});

test("There is no button where nothing can be copied", (t) => {
  assert.equal(first(t).find("button").hidden, true);
});
