import assert from "node:assert/strict";
import { test } from "node:test";
import { open } from "../../page.js";

const row = (id, status, current) =>
  `<li class="row" id="proposal-${id}" data-status="${status}"><a class="row-link" href="#"${current ? ' aria-current="true"' : ""}>${id}</a></li>`;
const LINE = `<p data-decided hidden><b data-decided-count></b> <button aria-expanded="false"><span data-decided-verb>Show</span></button></p>`;

/** Rows in their order: a letter for each, small while it waits and large once it is decided; `*` is open. */
function list(t, letters) {
  const rows = letters.split(" ").map((it) => row(it[0].toLowerCase(), /^[A-Z]/.test(it) ? "decided" : "pending", it.endsWith("*")));
  return open(t, `<body>${LINE}<ol id="rows">${rows.join("")}</ol></body>`, "approvals/desk/decided.js");
}
const seen = (page) => page.all(".row").filter((it) => !it.hidden).map((it) => it.id.slice("proposal-".length)).join("");
const line = (page) => (page.find("[data-decided]").hidden ? null : page.find("[data-decided]").textContent.trim());
const decide = (page, ...ids) => {
  for (const id of ids) page.find(`#proposal-${id}`).dataset.status = "decided";
};
const choose = (page, id) => {
  page.find("[aria-current]")?.removeAttribute("aria-current");
  page.find(`#proposal-${id} a`).setAttribute("aria-current", "true");
};

test("Three that are decided fold once somebody has decided one themselves", (t) => {
  const page = list(t, "A B c d*");
  decide(page, "c");

  page.tell("desk:decided", { refused: false });

  assert.equal(seen(page), "d");
  assert.equal(line(page), "3 Show");
  assert.deepEqual(page.scrolledTo, [page.find("#proposal-d")]);
});

test("Two are not enough, and the third folds all of them", (t) => {
  const page = list(t, "A b c d*");
  decide(page, "b");
  page.tell("desk:decided", { refused: false });
  assert.equal(seen(page), "abcd");
  assert.equal(line(page), null);

  decide(page, "c");
  page.tell("desk:rows");

  assert.equal(seen(page), "d");
});

test("Nothing folds under the eyes of who only reads", (t) => {
  const page = list(t, "A B C d*");

  page.tell("desk:rows");
  assert.equal(seen(page), "abcd");
  page.tell("desk:decided", { refused: true });

  assert.equal(seen(page), "abcd");
  assert.equal(line(page), null);
});

test("The one that is open stays in sight, though it is decided", (t) => {
  const page = list(t, "A B C D* e");

  page.tell("desk:decided", { refused: false });

  assert.equal(seen(page), "de");
  assert.equal(line(page), "3 Show");
});

test("What somebody sent folds once the page went on, before it has counted", async (t) => {
  const page = list(t, "A B c* d");
  page.find("#proposal-c").dataset.away = "approve";

  page.tell("desk:sent");
  choose(page, "d");
  assert.equal(seen(page), "abcd");
  await page.pass(0);
  assert.equal(seen(page), "d");
  delete page.find("#proposal-c").dataset.away; // it did not count
  page.tell("desk:rows");

  assert.equal(seen(page), "cd");
});

test("What is decided later stays in its place until somebody decides again", (t) => {
  const page = list(t, "A B C d* e f g");
  page.tell("desk:decided", { refused: false });

  decide(page, "e");
  page.tell("desk:rows");
  assert.equal(seen(page), "defg");
  page.tell("desk:decided", { refused: false });

  assert.equal(seen(page), "dfg");
  assert.equal(line(page), "4 Show");
});

test("They are shown and hidden again by the button", (t) => {
  const page = list(t, "A B C d*");
  page.tell("desk:decided", { refused: false });
  const button = page.find("[data-decided] button");

  page.click(button);
  assert.equal(button.getAttribute("aria-expanded"), "true");
  assert.equal(seen(page), "abcd");
  assert.equal(line(page), "3 Hide");
  page.click("[data-decided-verb]");

  assert.equal(button.getAttribute("aria-expanded"), "false");
  assert.equal(seen(page), "d");
  assert.equal(line(page), "3 Show");
});

test("One that waits again comes out, and folds no more by itself", (t) => {
  const page = list(t, "A B C d*");
  page.tell("desk:decided", { refused: false });

  page.find("#proposal-b").dataset.status = "pending";
  page.tell("desk:rows");
  assert.equal(seen(page), "bd");
  assert.equal(line(page), "2 Show");
  decide(page, "b");
  page.tell("desk:rows");

  assert.equal(seen(page), "bd");
});

test("One that is opened comes out", (t) => {
  const page = list(t, "A B C d*");
  page.tell("desk:decided", { refused: false });

  choose(page, "a");
  page.tell("desk:rows");

  assert.equal(seen(page), "ad");
  assert.equal(line(page), "2 Show");
});

test("The line goes with the last that was folded", (t) => {
  const page = list(t, "A B C d*");
  page.tell("desk:decided", { refused: false });

  for (const it of page.all("#rows [data-status=decided]")) it.remove();
  page.tell("desk:rows");

  assert.equal(line(page), null);
});

test("A list without such a line is left alone", (t) => {
  const page = open(t, `<ol id="rows">${row("a", "decided")}</ol>`, "approvals/desk/decided.js");

  page.tell("desk:decided", { refused: false });
  page.tell("desk:rows");

  assert.equal(seen(page), "a");
});
