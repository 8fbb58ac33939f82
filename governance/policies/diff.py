"""What one policy says that another does not: in words and line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from governance.models import PolicyVersion
from governance.policies.obligations import Obligations
from governance.policies.policy import PolicyText, RuleText, parse
from governance.policies.words import conditions, defaults, wants
from governance.showing.lines import Line, lines


@dataclass(frozen=True)
class Difference:
    """From one version to another. `added` and `removed` are rules, `changed` says what of a rule changed."""

    added: list[RuleText]
    removed: list[RuleText]
    changed: list[tuple[str, list[str]]]
    others: list[str]
    lines: list[Line]

    @property
    def sentences(self) -> list[str]:
        """The whole difference in words."""
        told = list(self.others)
        told += [f"New rule {rule.name}: {wants(rule.then)}." for rule in self.added]
        told += [f"Rule {rule.name} is gone: it said “{wants(rule.then)}”." for rule in self.removed]
        told += [f"Rule {name}: {'; '.join(changes)}." for name, changes in self.changed]
        return told


def difference(before: PolicyVersion, after: PolicyVersion) -> Difference:
    return of_texts(before.text, after.text)


def of_texts(before: str, after: str) -> Difference:
    """What came, went and changed from `before` to `after`."""
    old, new = parse(before), parse(after)
    rules = {rule.name: rule for rule in old.rules}
    kept = {rule.name for rule in new.rules}
    pairs = [(rules[rule.name], rule) for rule in new.rules if rule.name in rules]
    return Difference(
        added=[rule for rule in new.rules if rule.name not in rules],
        removed=[rule for rule in old.rules if rule.name not in kept],
        changed=[(b.name, changes) for a, b in pairs if (changes := list(_changes(a, b)))],
        others=list(_beside_the_rules(old, new)),
        lines=list(lines(before.splitlines(), after.splitlines())),
    )


def _beside_the_rules(old: PolicyText, new: PolicyText) -> Iterator[str]:
    if old.defaults != new.defaults:
        yield f"Where no rule says otherwise, it now {defaults(new)} (before: {defaults(old)})."
    if came := sorted(set(new.may_pass) - set(old.may_pass)):
        yield f"May pass by rule from now on: {', '.join(came)}."
    if went := sorted(set(old.may_pass) - set(new.may_pass)):
        yield f"May no longer pass by rule: {', '.join(went)}."


def _changes(old: RuleText, new: RuleText) -> Iterator[str]:
    before, after = ([part.text for part in conditions(rule.when)] for rule in (old, new))
    if came := [text for text in after if text not in before]:
        yield f"now also asks that {' and '.join(came)}"
    if went := [text for text in before if text not in after]:
        yield f"no longer asks that {' and '.join(went)}"
    if not came and not went and before != after:
        yield "asks the same in another order"
    if old.then.model_copy(update={"reason": None}) != new.then.model_copy(update={"reason": None}):
        yield f"{wants(new.then)} instead of {wants(old.then)}"
    if _reason(old.then) != _reason(new.then):
        yield f"gives the reason “{_reason(new.then)}” instead of “{_reason(old.then)}”"


def _reason(then: Obligations) -> str:
    return then.reason or ""
