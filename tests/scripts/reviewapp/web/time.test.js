import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { open } from "../../page.js";

const TIME = "reviewapp/web/time.js";
const NOW = Date.parse("2026-03-02T09:00:00Z");
const at = (seconds) => new Date(NOW + seconds * 1000).toISOString();
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A page by the server's clock, with one element that tells a time. */
function one(t, attributes, { server = at(0), ...more } = {}) {
  const html = `<html data-now="${server}"><body><time id="it" ${attributes}></time></body></html>`;
  return open(t, html, TIME, more);
}
const said = (page) => page.find("#it").textContent;

describe("Time that is left", () => {
  for (const [seconds, words] of [
    [1, "1 s"],
    [MINUTE - 1, "59 s"],
    [MINUTE, "1 min"],
    [2 * MINUTE - 1, "1 min"],
    [HOUR - 1, "59 min"],
    [HOUR, "1 h 00 min"],
    [HOUR + 5 * MINUTE, "1 h 05 min"],
    [DAY - 1, "23 h 59 min"],
    [DAY, "1 d 0 h"],
    [2 * DAY + 3 * HOUR + 59 * MINUTE, "2 d 3 h"],
    [100 * DAY, "100 d 0 h"],
    [0, "time is up"],
    [-1, "time is up"],
    [-9 * DAY, "time is up"],
  ]) {
    test(`${seconds} seconds are “${words}”`, (t) => {
      assert.equal(said(one(t, `data-deadline datetime="${at(seconds)}"`)), words);
    });
  }

  test("has its suffix, but not once it is up", async (t) => {
    const page = one(t, `data-deadline datetime="${at(2)}" data-suffix=" left"`);
    assert.equal(said(page), "2 s left");

    await page.pass(1000);
    assert.equal(said(page), "1 s left");
    await page.pass(1000);

    assert.equal(said(page), "time is up");
  });

  for (const [seconds, urgency] of [
    [15 * MINUTE, undefined],
    [15 * MINUTE - 1, "soon"],
    [1, "soon"],
    [0, "late"],
  ]) {
    test(`${seconds} seconds are ${urgency ?? "not urgent"}`, (t) => {
      assert.equal(one(t, `data-deadline datetime="${at(seconds)}"`).find("#it").dataset.urgency, urgency);
    });
  }

  test("becomes urgent while one looks, and calm again when it was put off", async (t) => {
    const page = one(t, `data-deadline datetime="${at(15 * MINUTE)}"`);
    const it = page.find("#it");

    await page.pass(1000);
    assert.equal(it.dataset.urgency, "soon");
    it.dateTime = at(HOUR);
    await page.pass(1000);

    assert.equal(it.dataset.urgency, "");
  });

  test("that nobody can read is left as the server wrote it", (t) => {
    const page = open(t, `<html data-now="${at(0)}"><body><time data-deadline datetime="soon">by noon</time>`, TIME);

    assert.equal(page.find("time").textContent, "by noon");
    assert.equal(page.find("time").dataset.urgency, undefined);
  });

  test("is not drawn again while its words are the same", async (t) => {
    const page = one(t, `data-deadline datetime="${at(2 * HOUR)}"`);
    await page.pass(1000);
    const before = page.find("#it").firstChild;

    await page.pass(30_000);
    assert.equal(page.find("#it").firstChild, before);
    await page.pass(30_000);

    assert.equal(said(page), "1 h 58 min");
  });
});

describe("Time that has passed", () => {
  for (const [seconds, words] of [
    [0, "just now"],
    [9, "just now"],
    [10, "10 s ago"],
    [MINUTE, "1 min ago"],
    [HOUR, "1 h 00 min ago"],
    [DAY, "1 d 0 h ago"],
    [-HOUR, "just now"],
  ]) {
    test(`${seconds} seconds are “${words}”`, (t) => {
      assert.equal(said(one(t, `data-ago datetime="${at(-seconds)}"`)), words);
    });
  }

  test("goes on by itself", async (t) => {
    const page = one(t, `data-ago datetime="${at(0)}"`);

    await page.pass(9000);
    assert.equal(said(page), "just now");
    await page.pass(1000);

    assert.equal(said(page), "10 s ago");
  });
});

describe("A wrong clock at the desk", () => {
  for (const wrong of [-3 * DAY, -6, 6, 3 * DAY]) {
    test(`by ${wrong} seconds changes nothing`, async (t) => {
      const page = one(t, `data-deadline datetime="${at(90)}"`, { now: at(wrong) });
      assert.equal(said(page), "1 min");

      await page.pass(31_000);

      assert.equal(said(page), "59 s");
    });
  }

  test("by as much as an answer may take on its way is taken for right", (t) => {
    assert.equal(said(one(t, `data-deadline datetime="${at(60)}"`, { now: at(5) })), "55 s");
    assert.equal(said(one(t, `data-deadline datetime="${at(60)}"`, { now: at(-5) })), "1 min");
  });

  test("is believed where the server did not tell its own", (t) => {
    const page = open(t, `<time data-deadline datetime="${at(30)}"></time>`, TIME);

    assert.equal(page.find("time").textContent, "30 s");
  });

  test("does not move what happened today to another day", (t) => {
    const page = one(t, `data-clock datetime="${at(-HOUR)}"`, { now: at(3 * DAY) });

    assert.equal(said(page), "08:00:00");
  });
});

describe("A point in time", () => {
  test("of today is told by the clock alone, of another day with its date", (t) => {
    assert.equal(said(one(t, `data-clock datetime="${at(5)}"`)), "09:00:05");
    assert.equal(said(one(t, `data-clock datetime="${at(-9 * HOUR)}"`)), "00:00:00");
    assert.equal(said(one(t, `data-clock datetime="${at(-9 * HOUR - 1)}"`)), "1 Mar, 23:59:59");
  });

  test("that an argument names is told by the clock of whoever reads it", (t) => {
    const page = one(t, 'data-moment datetime="2026-10-25T14:05:00+02:00"');

    assert.equal(said(page), "Sunday, 25 Oct 2026, 12:05, your time");
  });

  test("that is none is left as it was written", (t) => {
    const page = open(t, '<time data-moment datetime="tomorrow">tomorrow</time>', TIME);

    assert.equal(page.find("time").textContent, "tomorrow");
  });

  test("can be read in full where only a span is shown", (t) => {
    const page = one(t, `data-deadline datetime="${at(HOUR)}"`);

    assert.equal(page.find("#it").title, "2 Mar 2026, 10:00:00");
  });

  test("is written out in full once, for it stands in every row of a list that changes often", (t) => {
    const page = one(t, `data-deadline datetime="${at(HOUR)}" title="in an hour"`);

    page.tell("desk:rows");

    assert.equal(page.find("#it").title, "in an hour");
  });
});

test("What holds until a certain time goes by itself", async (t) => {
  const page = one(t, `data-until="${at(3)}"`);

  await page.pass(2000);
  assert.ok(page.find("#it"));
  await page.pass(1000);

  assert.equal(page.find("#it"), null);
});

test("What is drawn later tells its time at once", (t) => {
  const page = open(t, `<html data-now="${at(0)}"><body><div id="new"></div><ul></ul>`, TIME);
  const time = (seconds) => page.fragment(`<time data-deadline datetime="${at(seconds)}"></time>`);

  page.find("#new").append(time(30));
  page.fire("#new", "htmx:afterSwap", { detail: {} });
  page.find("ul").append(time(HOUR));
  page.tell("desk:rows");

  assert.deepEqual(page.all("time").map((it) => it.textContent), ["30 s", "1 h 00 min"]);
  assert.equal(page.find("ul time").title, "2 Mar 2026, 10:00:00");
});
