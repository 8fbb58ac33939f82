// What catches mistakes; how a line looks is left to whoever writes it.

import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["**/vendor/", "var/", "staticfiles/", ".venv/"] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "array-callback-return": "error",
      eqeqeq: "error",
      "no-implied-eval": "error",
      "no-promise-executor-return": "error",
      "no-self-compare": "error",
      "no-template-curly-in-string": "error",
      "no-unmodified-loop-condition": "error",
      "no-unused-expressions": "error",
      "no-use-before-define": ["error", { functions: false, variables: false }],
      "no-var": "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["static/**/*.js"],
    languageOptions: { globals: { ...globals.browser, htmx: "readonly" } },
    rules: {
      // What agents write is text. HTML is drawn by the server alone, and parsed where it arrives.
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML"].map((property) => ({ property })),
        { object: "document", property: "write" },
      ],
      "no-eval": "error",
    },
  },
  { files: ["*.js", "tests/scripts/**/*.js"], languageOptions: { globals: globals.node } },
];
