// The standard rules; each that is let go says why.

export default {
  extends: "stylelint-config-standard",
  ignoreFiles: ["**/vendor/**", "var/**", "staticfiles/**", ".venv/**"],
  reportNeedlessDisables: true,
  rules: {
    // Rules of one component stand together without a line between them, so that a component is seen at once.
    "at-rule-empty-line-before": null,
    "comment-empty-line-before": null,
    "custom-property-empty-line-before": null,
    "declaration-empty-line-before": null,
    "rule-empty-line-before": null,
    // A file is ordered by component, and states are nested in what they are states of.
    "no-descending-specificity": null,
    // Some classes end with a value of ours as it stands in a row: `status-needs_attention`.
    "selector-class-pattern": "^[a-z][a-z0-9]*([-_][a-z0-9]+)*$",
    // Safari on a phone knows no other name for it.
    "property-no-vendor-prefix": [true, { ignoreProperties: ["-webkit-text-size-adjust"] }],
    // Fonts are written as they are called.
    "value-keyword-case": ["lower", { ignoreProperties: ["/^--(sans|mono)$/"] }],
  },
};
