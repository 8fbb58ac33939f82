"""A policy in sentences, for those who do not read CEL."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from audit.ground.unseen import shown
from governance.policies.explain import parts, tidy
from governance.policies.obligations import BEFORE_ANY_POLICY, Obligations
from governance.policies.policy import PolicyText, RuleText
from governance.showing.values import plain

_VERDICTS = {"block": "is blocked", "review": "goes to people", "auto_approve": "may pass by itself"}
_GROUPS = {
    "action.name": "the action",
    "action.reversibility": "the action's reversibility",
    "agent.name": "the agent",
    "agent.stage": "the agent's stage",
    "risk.level": "the risk",
    "suggestion.confidence": "the stated confidence",
    "suggestion.success_probability": "the stated probability of success",
    "suggestion.rank": "the rank",
    "subject.type": "the subject's type",
    "subject.id": "the subject",
}
_HINTS = {
    "readOnlyHint": ("only reads", "does not only read"),
    "destructiveHint": ("may destroy", "does not destroy"),
    "idempotentHint": ("can be repeated", "can't be repeated"),
    "openWorldHint": ("reaches outside", "does not reach outside"),
}
_COMPARED = {
    "==": "is",
    "!=": "is not",
    ">": "is above",
    ">=": "is at least",
    "<": "is below",
    "<=": "is at most",
}
_WHOSE = {"user_text": "the user", "tool_text": "a tool", "agreed_text": "what the user agreed to"}
_FACT = r"(args\.\w+|" + "|".join(map(re.escape, _GROUPS)) + ")"
_VALUE = r"(?:\"[^\"\\]*\"|'[^'\\]*'|-?[\d.]+)"
# What the house and its people named; it stands without quotes, as names do.
_A_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.@:/-]*[A-Za-z0-9]")
_LONGEST = 200  # characters of a text


class Part(NamedTuple):
    """Words, or a condition that only CEL says well."""

    text: str
    is_code: bool = False


class Sentence(NamedTuple):
    """When every one of `conditions` holds, what is proposed `wants`."""

    name: str
    conditions: list[Part]
    wants: str
    reason: str


def sentences(policy: PolicyText) -> list[Sentence]:
    """Each rule as a sentence, in the policy's order."""
    return [sentence(rule) for rule in policy.rules]


def sentence(rule: RuleText) -> Sentence:
    return Sentence(rule.name, conditions(rule.when), wants(rule.then), rule.then.reason or "")


def defaults(policy: PolicyText) -> str:
    """What happens where no rule says otherwise, with what the house does where the defaults are silent."""
    said = Obligations.model_construct(**BEFORE_ANY_POLICY.stated | policy.defaults.stated)
    # Where nothing else is said there is no such time, which goes without saying.
    return wants(said if said.grace else said.model_copy(update={"grace": None}))


def conditions(when: str) -> list[Part]:
    """What has to hold, one by one; as it is written where it is more than a row of conditions."""
    source = tidy(when)
    found = parts(when)
    if " && ".join(found) != source:
        return [Part(source, is_code=True)]
    return [_part(condition) for condition in found]


def wants(then: Obligations) -> str:
    """`goes to people: finance, 2 approvals, within 30m, priority 80`."""
    rest = ", ".join(then.in_words())
    if then.verdict is None:
        return f"takes, whatever else is said, {rest}" if rest else "takes nothing more"
    verdict = _VERDICTS[then.verdict]
    return f"{verdict}: {rest}" if rest and then.verdict != "block" else verdict


def _part(condition: str) -> Part:
    for form, say in _FORMS:
        if found := re.fullmatch(form, condition):
            return Part(say(found))
    return Part(condition, is_code=True)


def _named(fact: str) -> str:
    return _GROUPS.get(fact) or "the " + fact.removeprefix("args.").replace("_", " ")


def _mentioned(found: re.Match[str]) -> str:
    verb = "never mentions" if found[1] else "mentions"
    return f"{_WHOSE[found[2]]} {verb} {_named(found[3])}"


_FORMS: list[tuple[str, Callable[[re.Match[str]], str]]] = [
    (
        rf"{_FACT} (==|!=|<=|>=|<|>) ({_VALUE})",
        lambda found: f"{_named(found[1])} {_COMPARED[found[2]]} {_value(found[1], found[3])}",
    ),
    (
        rf"{_FACT} in \[ ?({_VALUE}(?: ?, ?{_VALUE})*) ?\]",
        lambda found: f"{_named(found[1])} is one of {_values(found[1], found[2])}",
    ),
    (r"(!?)mentions\((user_text|tool_text|agreed_text), (args\.\w+)\)", _mentioned),
    (rf"(!?)action\.({'|'.join(_HINTS)})", lambda found: f"the action {_HINTS[found[2]][bool(found[1])]}"),
    (
        rf"(!?)has\({_FACT}\)",
        lambda found: f"{_named(found[2])} is {'not ' if found[1] else ''}given",
    ),
    (
        r"(!?)deployment\.registered",
        lambda found: f"the deployment is {'not ' if found[1] else ''}the registered one",
    ),
    (r"true", lambda found: "always"),
]


def _values(fact: str, found: str) -> str:
    return ", ".join(_value(fact, one) for one in re.findall(_VALUE, found))


def _value(fact: str, found: str) -> str:
    """A text in quotes, so that it can't read as more of the sentence: “given” is none of our words."""
    if found[0] not in "\"'":
        return found.removesuffix(".0")
    text = found[1:-1]
    if fact in _GROUPS and _A_NAME.fullmatch(text):
        return text
    return plain(shown(text), _LONGEST)
