"""A policy in sentences, for those who do not read CEL."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from audit.ground.durations import written
from governance.policies.explain import parts
from governance.policies.policy import BEFORE_ANY_POLICY, Obligations, PolicyText, RuleText

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
_QUOTES = re.compile(r"[\"']")
_FACT = r"(args\.\w+|" + "|".join(map(re.escape, _GROUPS)) + ")"


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
    said = {
        **BEFORE_ANY_POLICY.model_dump(exclude_none=True),
        **policy.defaults.model_dump(exclude_none=True),
    }
    return wants(Obligations.model_validate(said))


def conditions(when: str) -> list[Part]:
    """What has to hold, one by one; as it is written where it is more than a row of conditions."""
    source = re.sub(r"\s+", " ", when).strip()
    found = parts(when)
    if " && ".join(found) != source:
        return [Part(source, is_code=True)]
    return [_part(condition) for condition in found]


def wants(then: Obligations) -> str:
    """`goes to people: finance, 2 approvals, within 30m, priority 80`."""
    asked = [then.team or ""]
    asked += [f"{then.approvals} approvals" if then.approvals > 1 else "1 approval"] if then.approvals else []
    asked += [f"within {written(then.decide_within)}"] if then.decide_within else []
    asked += [f"{written(then.grace)} to take it back"] if then.grace else []
    asked += [f"priority {then.priority}"] if then.priority is not None else []
    asked += [f"risk {then.risk} at least"] if then.risk else []
    if then.sample is not None and then.verdict != "block":
        asked += [f"{then.sample * 100:g}% of what passes is checked afterwards"]
    asked += of_deciding(then)
    rest = ", ".join(filter(None, asked))
    if then.verdict is None:
        return f"takes, whatever else is said, {rest}" if rest else "takes nothing more"
    verdict = _VERDICTS[then.verdict]
    return f"{verdict}: {rest}" if rest and then.verdict != "block" else verdict


def of_deciding(then: Obligations) -> list[str]:
    """What is asked of those who decide, one by one: `a fresh log-in and the key figure`."""
    said = []
    if then.rejections:
        said.append("one no ends it" if then.rejections == 1 else f"{then.rejections} people to say no")
    if then.four_eyes is not None:
        said.append("who edits does not count" if then.four_eyes else "who edits counts too")
    if then.owner_may_approve is not None:
        said.append(f"the agent's owner {'may' if then.owner_may_approve else 'may not'} approve")
    if then.step_up is not None:
        said.append("a fresh log-in and the key figure" if then.step_up else "no fresh log-in")
    if then.remind:
        said.append(f"a reminder {written(then.remind)} before the end")
    if then.escalate_to and then.escalate_after:
        within = f", within {written(then.escalate_within)}" if then.escalate_within else ""
        said.append(f"{then.escalate_to} after {written(then.escalate_after)} of silence{within}")
    if then.ask_again_after is not None:
        said.append(f"what is rejected may be asked again after {written(then.ask_again_after)}")
    if then.second_review is not None:
        said.append(f"{then.second_review * 100:g}% decided a second time, blind")
    if then.bulk is not None:
        said.append("decided together with others" if then.bulk else "never decided together with others")
    return said


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
        rf"{_FACT} (==|!=|<=|>=|<|>) (?:\"([^\"\\]+)\"|'([^'\\]+)'|(-?[\d.]+))",
        lambda found: f"{_named(found[1])} {_COMPARED[found[2]]} {found[3] or found[4] or _number(found[5])}",
    ),
    (
        rf"{_FACT} in \[([\"'\w\s,.-]+)\]",
        lambda found: f"{_named(found[1])} is one of {_QUOTES.sub('', found[2])}",
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


def _number(text: str) -> str:
    return text.removesuffix(".0")
