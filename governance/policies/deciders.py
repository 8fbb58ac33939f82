"""Whether somebody could decide what a policy sends to a team."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from audit.ground.refusals import Invalid
from governance.door.deciders import who_may_decide
from governance.models import ActionType, Team
from governance.policies.mistakes import obligations_in
from governance.policies.obligations import BEFORE_ANY_POLICY, Obligations
from governance.policies.policy import PolicyText

_NAMED = re.compile(r"""action\.name\s*(?:==\s*|in\s*\[)((?:["'][\w.:-]+["'][\s,]*)+)""")
_NAME = re.compile(r"""["']([\w.:-]+)["']""")


@dataclass(frozen=True)
class Sending:
    """A place in a policy that can send what is proposed to a team."""

    pointer: str
    team: str
    approvals: int
    who: str  # "The defaults send", "The rule large-refund sends"
    actions: tuple[str, ...]  # those it names; empty: every one


def check(policy: PolicyText) -> None:
    """Raises `Invalid` naming each team that is needed and can't decide, and for which action types."""
    if errors := problems(policy):
        raise Invalid(errors)


def problems(policy: PolicyText) -> list[dict[str, Any]]:
    """Every team that does not exist, or where nobody may decide what would be sent to it."""
    sendings = list(sendings_of(policy))
    deciding = _deciding({sending.team for sending in sendings})
    unknown = unknown_teams(policy.model_dump(exclude_none=True))
    places = {error["pointer"] for error in unknown}
    return unknown + [
        {"pointer": sending.pointer, "detail": _nobody(sending)}
        for sending in sendings
        if not deciding.get(sending.team) and sending.pointer not in places
    ]


def warnings(policy: PolicyText) -> list[dict[str, Any]]:
    """Where fewer people may decide than have to approve: it could only be rejected, or expire."""
    sendings = list(sendings_of(policy))
    deciding = _deciding({sending.team for sending in sendings})
    return [
        {
            "pointer": sending.pointer,
            "detail": f"{sending.who} {_what(sending)} to {sending.team} and asks for "
            f"{sending.approvals} approvals, but only {_people(deciding[sending.team])} may decide there.",
        }
        for sending in sendings
        if 0 < deciding.get(sending.team, 0) < sending.approvals
    ]


def sendings_of(policy: PolicyText) -> Iterator[Sending]:
    """Each place that can send something to a team; what only ever blocks needs nobody."""
    defaults = policy.defaults
    default_team = defaults.team or str(BEFORE_ANY_POLICY.team)
    default_approvals = defaults.approvals or 1
    if _needs_people(defaults) or any(_needs_people(rule.then) for rule in policy.rules):
        pointer = "/defaults/team" if defaults.team else "/defaults"
        yield Sending(pointer, default_team, default_approvals, "The defaults send", ())
    if defaults.escalate_to:
        yield Sending(
            "/defaults/escalate_to", defaults.escalate_to, default_approvals, "The defaults escalate", ()
        )
    for index, rule in enumerate(policy.rules):
        then, pointer, named = rule.then, f"/rules/{index}/then", _named_in(rule.when)
        approvals = then.approvals or default_approvals
        if then.team and _needs_people(then):
            yield Sending(f"{pointer}/team", then.team, approvals, f"The rule {rule.name} sends", named)
        if then.escalate_to and _needs_people(then):
            who = f"The rule {rule.name} escalates"
            yield Sending(f"{pointer}/escalate_to", then.escalate_to, approvals, who, named)


def _needs_people(then: Obligations) -> bool:
    # What may pass also needs a team: for those agents that have not earned it.
    return then.verdict != "block"


def _named_in(when: str) -> tuple[str, ...]:
    return tuple(name for found in _NAMED.findall(when) for name in _NAME.findall(found))


def unknown_teams(content: Any) -> list[dict[str, Any]]:
    """The teams that a policy names and that do not exist; whatever else is wrong with it."""
    named = dict(_teams_in(content))
    known = set(Team.objects.filter(slug__in=named.values()).values_list("slug", flat=True))
    return [
        {"pointer": pointer, "detail": f"No such team: {team}. Make it with create_user --team."}
        for pointer, team in named.items()
        if team not in known
    ]


def _teams_in(content: Any) -> Iterator[tuple[str, str]]:
    for pointer, said in obligations_in(content):
        for name in ("team", "escalate_to"):
            if isinstance(said.get(name), str) and said[name]:
                yield f"{pointer}/{name}", said[name]


def may_decide(team: str) -> bool:
    """Is there an active member of the team who may decide?"""
    return bool(_deciding({team}).get(team))


def _deciding(teams: set[str]) -> dict[str, int]:
    """How many people of each team are active and may decide."""
    may = who_may_decide()
    counted = Team.objects.filter(slug__in=teams, members__in=may).annotate(people=Count("members"))
    return dict(counted.values_list("slug", "people"))


def _nobody(sending: Sending) -> str:
    return (
        f"{sending.who} {_what(sending)} to {sending.team}, where nobody may decide: "
        "the team has no active member with the role reviewer."
    )


def _what(sending: Sending) -> str:
    if sending.actions:
        return ", ".join(sending.actions)
    names = list(ActionType.objects.current().order_by("name").values_list("name", flat=True)[:6])
    if not names:
        return "every action type"
    return f"{', '.join(names[:5])} and others" if len(names) > 5 else ", ".join(names)


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"
