"""Everything that is wrong with a policy, before it becomes a draft."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from audit.ground.refusals import Invalid
from governance.policies import deciders, mistakes, policy, policy_yaml
from governance.policies.policy import PolicyText


@dataclass(frozen=True)
class Checked:
    """A policy that can be read, and its digest; every error with pointer, detail, line and column."""

    policy: PolicyText | None = None
    digest: str = ""
    errors: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)


def check(text: str) -> Checked:
    """Look for mistakes: in its form, its conditions, its teams. Changes nothing."""
    try:
        content, digest = policy.read(text)
    except Invalid as refusal:
        return Checked(errors=mistakes.in_order([*refusal.errors, *_unknown_teams(text)]))
    written = policy_yaml.load(text)
    return Checked(
        content,
        digest,
        mistakes.placed(written, deciders.problems(content)),
        mistakes.placed(written, deciders.warnings(content)),
    )


def _unknown_teams(text: str) -> list[dict[str, Any]]:
    try:
        written = policy_yaml.load(text)
    except Invalid:  # not even YAML
        return []
    return mistakes.placed(written, deciders.unknown_teams(written.content))


def checked(text: str) -> tuple[PolicyText, str]:
    """The policy and its digest. Raises `Invalid` with every mistake."""
    found = check(text)
    if found.errors or found.policy is None:
        raise Invalid(found.errors)
    return found.policy, found.digest
