import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { open } from "../../page.js";

const themed = (t, kept, before = ({ window }) => kept && window.localStorage.setItem("reviewapp.theme", kept)) =>
  open(t, "<html></html>", "reviewapp/web/theme.js", { before }).document.documentElement.dataset.theme;

describe("The theme, before anything is drawn", () => {
  for (const [kept, theme] of [
    ["dark", "dark"],
    ["light", "light"],
    ["system", undefined],
    ["<script>", undefined],
    [null, undefined],
  ]) {
    test(`is ${theme ?? "the system's"} where ${kept ?? "nothing"} was kept`, (t) => {
      assert.equal(themed(t, kept), theme);
    });
  }

  test("is the system's where nothing may be read", (t) => {
    const shut = ({ window }) => Object.defineProperty(window, "localStorage", { get: () => assert.fail("shut") });

    assert.equal(themed(t, null, shut), undefined);
  });
});
