"""A policy: defaults and CEL rules, written in YAML, named by the SHA-256 of what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audit.ground.canonical import digest
from audit.ground.refusals import Invalid
from governance.expressions import effort
from governance.expressions.cel import LONGEST, BadExpression, Expression, NoAnswer, Together, activation
from governance.expressions.cel_cost import MOST_TOGETHER, in_words
from governance.expressions.cel_tree import names
from governance.expressions.functions import FUNCTIONS
from governance.expressions.known_facts import FACTS
from governance.expressions.past import asks_about_past
from governance.models import PolicyVersion, Risk
from governance.policies import mistakes, policy_yaml
from governance.policies.obligations import BEFORE_ANY_POLICY, Obligations

VARIABLES = tuple(FACTS)
STRICTNESS = ("auto_approve", "review", "block")


ActionName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]


class RuleText(BaseModel):
    """One rule as it is written."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    when: str
    then: Obligations


class PolicyText(BaseModel):
    """A policy as it is written."""

    model_config = ConfigDict(extra="forbid")
    version: Literal[1]
    defaults: Obligations = Obligations()
    may_pass: list[ActionName] = Field(
        default=[],
        max_length=500,
        description="Actions that may pass by rule although they can't be undone or touch sensitive data.",
    )
    rules: list[RuleText] = Field(default=[], max_length=500)


@dataclass(frozen=True)
class Matched:
    """A rule that applies, or one whose evaluation failed (`error`), which asks for review."""

    rule: str
    then: Obligations
    error: str = ""


class Policy:
    """A policy made ready: every rule compiled once."""

    def __init__(self, text: PolicyText, digest: str | None) -> None:
        self.digest = digest
        self.defaults = Obligations.model_construct(**BEFORE_ANY_POLICY.stated | text.defaults.stated)
        self.rules = text.rules
        self.may_pass = frozenset(text.may_pass)
        self._groups = [_Group(group) for group in _in_groups(_all_compiled(text.rules))]
        said = [text.defaults.verdict, *(rule.then.verdict for rule in text.rules)]
        self.lets_pass = "auto_approve" in said
        self.asks_past = asks_about_past(rule.when for rule in text.rules)
        self.asks_look = any(_asks_look(rule.when) for rule in text.rules)

    def matched(self, facts: Mapping[str, Any], shared: Mapping[str, Any] | None = None) -> list[Matched]:
        """The rules that apply to one suggestion, in the policy's order.

        `shared` are more facts, those that several suggestions have in common: `cel_bounds.within`
        has looked at them already.
        """
        if not self.rules:
            return []
        with effort.limited(anew=True):
            known = activation(facts, VARIABLES, FUNCTIONS, within_bounds=shared)
            return [m for group in self._groups for m in group.matched(known)]


def _asks_look(source: str) -> bool:
    """Whether a rule wants to know what a service says is there now."""
    if "look" not in source:
        return False
    try:
        return names("look", Expression(source, VARIABLES, FUNCTIONS).tree)
    except BadExpression:
        return False


Compiled = tuple[RuleText, "Expression | BadExpression"]


class _Group:
    """Rules asked together, as one expression whose answer is a list: four times as fast as one by one.

    Where that gives no answer, because one of them fails, they are asked one by one.
    """

    def __init__(self, rules: list[Compiled]) -> None:
        self.rules = rules
        several = len(rules) > 1 and all(isinstance(compiled, Expression) for _, compiled in rules)
        self.together = Together(_together(rules), VARIABLES, FUNCTIONS) if several else None

    def matched(self, known: Any) -> list[Matched]:
        answers = self.together.answers(known) if self.together else None
        if answers is None:
            return [m for rule, expression in self.rules if (m := _try(rule, expression, known))]
        return [Matched(rule.name, rule.then) for rule, _ in compress(self.rules, answers)]


def _in_groups(rules: list[Compiled]) -> list[list[Compiled]]:
    """As many rules together as one expression may be long; one that can't be asked is by itself."""
    groups: list[list[Compiled]] = []
    alone = False
    for rule in rules:
        was_alone, alone = alone, isinstance(rule[1], BadExpression)
        if not groups or alone or was_alone or len(_together([*groups[-1], rule])) > LONGEST:
            groups.append([])
        groups[-1].append(rule)
    return groups


def _together(rules: list[Compiled]) -> str:
    # A line each: what follows // in a rule is a comment to the end of its line.
    return "[" + ",".join(f"({rule.when}\n)" for rule, _ in rules) + "]"


def _all_compiled(rules: list[RuleText]) -> list[Compiled]:
    """Every rule made ready, as far as all of them together cost no more than a policy may."""
    compiled: list[Compiled] = []
    seconds = memory = 0.0
    for rule in rules:
        one = _compiled(rule)
        if isinstance(one, Expression):
            seconds, memory = seconds + one.cost.seconds, memory + one.cost.memory
            if seconds > MOST_TOGETHER.seconds or memory > MOST_TOGETHER.memory:
                seconds, memory = seconds - one.cost.seconds, memory - one.cost.memory
                one = BadExpression(_TOO_MUCH_TOGETHER)
        compiled.append((rule, one))
    return compiled


_TOO_MUCH_TOGETHER = (
    "it and the rules before it can together take more than "
    f"{in_words(MOST_TOGETHER)}, which is the most for a policy"
)


def never_asked(policy: PolicyText) -> list[tuple[str, str]]:
    """The rules of a stored version that can't be asked, and why; they ask for review of everything."""
    return [
        (rule.name, str(error))
        for rule, error in _all_compiled(policy.rules)
        if isinstance(error, BadExpression)
    ]


def too_costly(policy: PolicyText) -> list[dict[str, str]]:
    """Rules that a version could never ask, because of what they could cost, by their pointers."""
    return [
        {"pointer": f"/rules/{index}/when", "detail": f"Rule {rule.name}: {error}."}
        for index, (rule, error) in enumerate(_all_compiled(policy.rules))
        if isinstance(error, BadExpression)
    ]


def _compiled(rule: RuleText) -> Expression | BadExpression:
    """Ready to be asked; or why it never can be, where a version is older than what it asks for."""
    try:
        return Expression(rule.when, VARIABLES, FUNCTIONS)
    except BadExpression as error:
        return error


def _try(rule: RuleText, expression: Expression | BadExpression, facts: Any) -> Matched | None:
    try:
        if isinstance(expression, BadExpression):
            raise NoAnswer(str(expression)) from expression
        return Matched(rule.name, rule.then) if expression.holds(facts) else None
    except NoAnswer as error:
        return Matched(rule.name, Obligations(verdict="review"), error=str(error))


def read(text: str) -> tuple[PolicyText, str]:
    """A policy and its digest. Raises `Invalid`, with line and column of everything that is wrong."""
    written = policy_yaml.load(text)
    errors = [*written.twice, *mistakes.in_rules(written), *mistakes.in_escalations(written)]
    try:
        policy = PolicyText.model_validate(written.content)
    except ValidationError as error:
        errors += mistakes.in_form(written, error, _KNOWN)
    if errors:
        raise Invalid(mistakes.in_order(errors))
    if costly := too_costly(policy):
        raise Invalid(mistakes.placed(written, costly))
    return policy, digest_of(policy)


def digest_of(policy: PolicyText) -> str:
    """The name of a version: the digest of what it says, however that is written."""
    return digest(policy.model_dump(mode="json", exclude_none=True, exclude_defaults=True))


_KNOWN = {
    "": list(PolicyText.model_fields),
    "rules": list(RuleText.model_fields),
    "defaults": list(Obligations.model_fields),
    "then": list(Obligations.model_fields),
}


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a tenth of the time, where it is there


def parse(text: str) -> PolicyText:
    """A policy that was read before. Raises `Invalid` where its form is no longer one that is known."""
    try:
        return PolicyText.model_validate(yaml.load(text, Loader=_LOADER))  # noqa: S506 # both are safe
    except (yaml.YAMLError, ValidationError) as error:
        raise Invalid.field("", "This is no policy.") from error


@lru_cache(maxsize=16)
def ready(version: str | None) -> Policy:
    """The compiled policy of a version; of None, the one in force before any is applied."""
    if version is None:
        return Policy(PolicyText(version=1), None)
    text = PolicyVersion.objects.values_list("text", flat=True).get(pk=version)
    return Policy(parse(text), version)


def risk_of(name: str) -> Risk:
    return Risk[name.upper()]
